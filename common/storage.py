"""A connection to Redis, with its errors made ours."""

import redis

from common.errors import BrokerError
from common.settings import RedisSettings

_TIMEOUT = 10.0


def connect_redis(settings: RedisSettings) -> "redis.Redis":
    """A client of a Redis that answers. Raises `BrokerError` when it can't be reached or refuses us."""
    client = redis.Redis.from_url(settings.redis_dsn(), socket_timeout=_TIMEOUT, health_check_interval=30)
    try:
        client.ping()
    except redis.AuthenticationError as error:
        raise BrokerError(f"Redis at {settings.redis_url} refuses the password; check redis_password_file") from error
    except redis.RedisError as error:
        raise BrokerError(f"no Redis at {settings.redis_url} ({error}); start it, or give --redis-url") from error
    return client
