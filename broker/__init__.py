"""The bridge between MQTT and Celery, and the configuration of Mosquitto and Redis."""
