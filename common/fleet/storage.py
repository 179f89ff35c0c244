"""Connections to Redis, whose errors at the start are ours, and large values in pieces."""

from collections.abc import Iterator
from typing import cast

import redis

from common.errors import BrokerError, ConfigurationError
from common.logs import get_logger
from common.service.settings import RedisSettings

#: Seconds after which an answer of Redis is overdue.
_TIMEOUT = 10.0
#: Bytes of a large value that are read at a time: far fewer than Redis lets wait for one client, and soon read.
_PIECE_BYTES = 4 * 1024 * 1024

log = get_logger(__name__)


def connect_redis(settings: RedisSettings) -> "redis.Redis":
    """A client of Redis. Raises `BrokerError` when Redis refuses us, `ConfigurationError` for a bad URL.

    Where Redis can't be reached, this only logs a warning: every caller tries again what it uses Redis for.
    """
    try:
        client = redis.Redis.from_url(settings.redis_dsn(), socket_timeout=_TIMEOUT, health_check_interval=30)
    except (ValueError, TypeError):  # the error's message may hold the password
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
    """A value's bytes from `start` up to `end`, or up to its own end, a few MB at a time. Raises `redis.RedisError`."""
    for offset in range(start, end, _PIECE_BYTES):
        piece = cast("bytes", client.getrange(key, offset, min(offset + _PIECE_BYTES, end) - 1))
        if not piece:
            return
        yield piece
