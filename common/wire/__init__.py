"""What goes over MQTT: topics, messages, and the connection."""
