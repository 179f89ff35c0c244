"""A site's folder: credentials, access rules, and the configuration of Mosquitto and Redis."""
