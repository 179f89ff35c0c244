"""No test is timed: machines here are noisy, and key generation alone may exceed hypothesis's deadline."""

from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
