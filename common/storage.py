"""A connection to Redis, with its errors made ours."""

import redis
import structlog

from common.errors import BrokerError
from common.settings import RedisSettings

_TIMEOUT = 10.0

log = structlog.get_logger()


def connect_redis(settings: RedisSettings) -> "redis.Redis":
    """A client of Redis. Raises `BrokerError` when Redis refuses us.

    A Redis that can't be reached is only warned of: every use is tried again by its caller.
    """
    client = redis.Redis.from_url(settings.redis_dsn(), socket_timeout=_TIMEOUT, health_check_interval=30)
    try:
        client.ping()
    except redis.AuthenticationError as error:
        raise BrokerError(f"Redis at {settings.redis_url} refuses the password; check redis_password_file") from error
    except redis.RedisError as error:
        log.warning(f"no Redis at {settings.redis_url}; trying again (--redis-url)", reason=str(error))
    return client
