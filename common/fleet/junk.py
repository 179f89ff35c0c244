"""What in Redis isn't ours: said, counted and thrown away, since one bad value must end or hold up nobody."""

from collections.abc import Callable, Mapping

import redis

from common.logs import get_logger

#: In Redis's words.
_NO_COUNT = ("WRONGTYPE", "not an integer", "overflow")

log = get_logger(__name__)
_counters: list[Callable[[float], object]] = []


def count_junk(count: Callable[[float], object]) -> None:
    """Let a service's metric count what is thrown away; here there is none, since none may be loaded too early."""
    _counters.append(count)


def thrown_away(what: str, values: int = 1, **details: object) -> None:
    """Say and count that so many values were thrown away."""
    for count in _counters:
        count(values)
    log.error("threw away what isn't ours in Redis", what=what, values=values, **details)


def discard_wrong(client: "redis.Redis", kinds: Mapping[str, str]) -> bool:
    """Delete those keys that hold another type than the one named; whether any did. Raises `redis.RedisError`."""
    wrong = [key for key, kind in kinds.items() if client.type(key) not in (kind.encode(), b"none")]
    if wrong:
        client.unlink(*wrong)
        thrown_away("keys of another type", len(wrong), keys=[key[:100] for key in wrong])
    return bool(wrong)


def count_up(client: "redis.Redis", key: str | bytes, by: int, seconds: int) -> int:
    """Count, from zero where something else stands, and keep that for so many seconds. Raises `redis.RedisError`."""
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
        thrown_away("what is no count", key=key[:100])
    raise count
