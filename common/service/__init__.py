"""What makes a process a service: settings, health, metrics, database, and a log of bounded length."""
