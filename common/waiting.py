"""Which bursts wait for a worker or are in work, counted in Redis for all bridges and workers together.

A bridge admits a burst here before it queues it, and a worker takes it out once it is answered or
refused. So the queue has a bound in bursts and in bytes. Nothing but that depends on it: each step
may be repeated, an entry that nobody takes out expires, and a Redis that forgot all of it counts
from zero, until the devices have sent their frames again.
"""

from dataclasses import dataclass
from typing import Any

import redis

#: A sorted set of bursts, by the time at which each is given up.
_WAITING = "blindsight:waiting"
#: The bytes of each of them; and "left", how many were admitted less those that expired.
_SIZES = "blindsight:waiting:sizes"

_DEPTH = """
local now = tonumber(redis.call('TIME')[1])
local function depth(admitted)
    local bytes, names = 0, redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
    for _, name in ipairs(names) do bytes = bytes + (redis.call('HGET', KEYS[2], name) or 0) end
    return {admitted, #names, bytes, (redis.call('HGET', KEYS[2], 'left') or 0) - redis.call('ZCARD', KEYS[1])}
end
"""
_READ = f"{_DEPTH} return depth(0)"
_ADMIT = f"""{_DEPTH}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
    redis.call('ZREM', KEYS[1], name)
    redis.call('HDEL', KEYS[2], name)
    redis.call('HINCRBY', KEYS[2], 'left', -1)
end
local name, size, seconds, most, most_bytes = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if not redis.call('ZSCORE', KEYS[1], name) then
    local before = depth(0)
    if before[2] > 0 and (before[2] >= most or before[3] + size > most_bytes) then return before end
    redis.call('HSET', KEYS[2], name, size)
    redis.call('HINCRBY', KEYS[2], 'left', 1)
end
redis.call('ZADD', KEYS[1], now + seconds, name)
return depth(1)
"""


@dataclass(frozen=True)
class Depth:
    """Bursts and bytes that wait or are in work; `drained` counts the bursts that were answered or refused so far."""

    bursts: int
    bytes: int
    drained: int


class Waiting:
    """The bursts that wait for a worker, or are in work. Every method raises `redis.RedisError`."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client
        self._admit, self._read = client.register_script(_ADMIT), client.register_script(_READ)

    def admit(
        self, device: str, job: str, size: int, *, seconds: int, most: int, most_bytes: int
    ) -> tuple[bool, Depth]:
        """Let a burst of `size` bytes wait for at most so many seconds, if there is room; and the depth then.

        One that waits already is admitted again and counts once, since it may have been lost on its
        way to a worker. Where nothing waits any burst is admitted, however large.
        """
        admitted, *depth = _run(self._admit, _name(device, job), size, seconds, most, most_bytes)
        return bool(admitted), Depth(*depth)

    def done(self, device: str, job: str) -> None:
        """A burst was answered or refused, and waits no more; nothing when it doesn't.

        It works in a Redis whose memory is full, where a transaction doesn't: this is what makes room.
        """
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hdel(_SIZES, _name(device, job))  # first: without its size an entry still expires
            pipeline.zrem(_WAITING, _name(device, job))
            pipeline.execute()

    def depth(self) -> Depth:
        """What waits now."""
        return Depth(*_run(self._read)[1:])


def _run(script: Any, *arguments: str | int) -> Any:
    return script(keys=[_WAITING, _SIZES], args=arguments)


def _name(device: str, job: str) -> str:
    return f"{device}/{job}"
