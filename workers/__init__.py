"""The Celery worker fleet: evaluates plans on ciphertexts and publishes encrypted labels."""
