"""Values in Redis that aren't ours are logged, counted and thrown away: no such value may end or delay a service."""

from collections.abc import Callable, Mapping

import redis

from common.logs import get_logger

#: Words of Redis's errors where it can't count, since what stands under the key is no count.
_NO_COUNT = ("WRONGTYPE", "not an integer", "overflow")

log = get_logger(__name__)
_counters: list[Callable[[float], object]] = []


def count_junk(count: Callable[[float], object]) -> None:
    """Let a service's metric count what is thrown away.

    The metric isn't defined here, since a worker's parent may load no metric before it has made room for those of its
    children.
    """
    _counters.append(count)


def report_junk(what: str, values: int = 1, **details: object) -> None:
    """Log and count that so many values were thrown away."""
    for count in _counters:
        count(values)
    log.error("threw away what isn't ours in Redis", what=what, values=values, **details)


def discard_wrong(client: "redis.Redis", kinds: Mapping[str, str]) -> bool:
    """Delete the keys that hold another type than `kinds` says, in Redis's words; whether there was one.

    Raises `redis.RedisError`.
    """
    wrong = [key for key, kind in kinds.items() if client.type(key) not in (kind.encode(), b"none")]
    if wrong:
        client.unlink(*wrong)
        report_junk("keys of another type", len(wrong), keys=[key[:100] for key in wrong])
    return bool(wrong)


def count_up(client: "redis.Redis", key: str | bytes, by: int, seconds: int) -> int:
    """Add `by` to the count under a key, and keep it for so many seconds; gives the sum.

    What stands there and is no count is thrown away, and counts as zero. Raises `redis.RedisError`.
    """
    for _ in range(2):
        with client.pipeline() as pipeline:
            pipeline.incrby(key, by)
            pipeline.expire(key, seconds)
            count = pipeline.execute(raise_on_error=False)[0]
        if not isinstance(count, redis.RedisError):
            return int(count)
        if not any(sign in str(count) for sign in _NO_COUNT):
            break
        client.unlink(key)
        report_junk("what is no count", key=key[:100])
    raise count
