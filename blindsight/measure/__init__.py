"""What is measured: a machine's operations, a plan's accuracy, a site's state."""
