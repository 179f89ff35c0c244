"""What Redis is told after an evaluation only saves time or room, so an error there ends nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from common.logs import get_logger

log = get_logger(__name__)


@contextmanager
def log_redis_errors(consequence: str) -> Iterator[None]:
    """Log an error of Redis together with its `consequence`, and go on behind the `with` block."""
    try:
        yield
    except redis.RedisError as error:
        log.warning(f"Redis failed after an evaluation; {consequence}", error=str(error))
