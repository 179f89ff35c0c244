"""Plans on ciphertexts: bytes and evaluation keys in, bytes out. Nothing here knows Redis, MQTT or Celery."""
