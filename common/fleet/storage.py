"""A connection to Redis, with its errors made ours."""

from collections.abc import Iterator
from typing import cast

import redis

from common.errors import BrokerError, ConfigurationError
from common.logs import get_logger
from common.service.settings import RedisSettings

_TIMEOUT = 10.0
#: Bytes read of a large value at a time: far below what Redis lets wait for one client, and soon there.
_PIECE_BYTES = 4 * 1024 * 1024

log = get_logger(__name__)


def connect_redis(settings: RedisSettings) -> "redis.Redis":
    """A client of Redis. Raises `BrokerError` when Redis refuses us, `ConfigurationError` for a bad URL.

    A Redis that can't be reached is only warned of: every use is tried again by its caller.
    """
    try:
        client = redis.Redis.from_url(settings.redis_dsn(), socket_timeout=_TIMEOUT, health_check_interval=30)
    except (ValueError, TypeError):  # its message may hold the password
        raise ConfigurationError(f"redis_url is {settings.redis_address()}, which isn't a URL of Redis") from None
    try:
        client.ping()
    except TypeError as error:
        raise ConfigurationError(f"redis_url has an option that Redis's client doesn't know: {error}") from None
    except redis.AuthenticationError as error:
        raise BrokerError(
            f"Redis at {settings.redis_address()} refuses the password; check redis_password_file"
        ) from error
    except redis.RedisError as error:
        log.warning(f"no Redis at {settings.redis_address()}; trying again (--redis-url)", reason=str(error))
    return client


def read_pieces(client: "redis.Redis", key: str, start: int, end: int) -> Iterator[bytes]:
    """A value's bytes from `start` up to `end`, a few MB at a time; fewer where it ends. Raises `redis.RedisError`."""
    for offset in range(start, end, _PIECE_BYTES):
        piece = cast("bytes", client.getrange(key, offset, min(offset + _PIECE_BYTES, end) - 1))
        if not piece:
            return
        yield piece
