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
#: The bytes of each of them, and the totals "bytes" and "drained" (no burst has such a name: theirs have a slash).
_SIZES = "blindsight:waiting:sizes"
_KEYS = [_WAITING, _SIZES]

_REMOVE = """
local function remove(name)
    if redis.call('ZREM', KEYS[1], name) == 0 then return 0 end
    redis.call('HINCRBY', KEYS[2], 'bytes', -(redis.call('HGET', KEYS[2], name) or 0))
    redis.call('HDEL', KEYS[2], name)
    return 1
end
local now = tonumber(redis.call('TIME')[1])
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do remove(name) end
"""
_DEPTH = """
local function depth(admitted)
    local totals = redis.call('HMGET', KEYS[2], 'bytes', 'drained')
    return {admitted, redis.call('ZCARD', KEYS[1]), tonumber(totals[1] or 0), tonumber(totals[2] or 0)}
end
"""
_ADMIT = f"""{_REMOVE}{_DEPTH}
local name, size, seconds, most, most_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
if not redis.call('ZSCORE', KEYS[1], name) then
    local before = depth(0)
    if before[2] > 0 and (before[2] >= tonumber(most) or before[3] + size > tonumber(most_bytes)) then
        return before
    end
    redis.call('HSET', KEYS[2], name, size)
    redis.call('HINCRBY', KEYS[2], 'bytes', size)
end
redis.call('ZADD', KEYS[1], now + seconds, name)
return depth(1)
"""
_DONE = f"{_REMOVE} redis.call('HINCRBY', KEYS[2], 'drained', remove(ARGV[1]))"
_READ = f"{_REMOVE}{_DEPTH} return depth(0)"


@dataclass(frozen=True)
class Depth:
    """Bursts and bytes that wait or are in work; `drained` counts the bursts that were answered or refused so far."""

    bursts: int
    bytes: int
    drained: int


class Waiting:
    """The bursts that wait for a worker, or are in work. Every method raises `redis.RedisError`."""

    def __init__(self, client: "redis.Redis") -> None:
        self._admit, self._done, self._read = map(client.register_script, (_ADMIT, _DONE, _READ))

    def admit(
        self, device: str, job: str, size: int, *, seconds: int, most: int, most_bytes: int
    ) -> tuple[bool, Depth]:
        """Let a burst of `size` bytes wait for at most so many seconds, if there is room; and the depth then.

        One that waits already is admitted again and counts once, since it may have been lost on its
        way to a worker. Where nothing waits any burst is admitted, however large.
        """
        admitted, *depth = self._run(self._admit, _name(device, job), size, seconds, most, most_bytes)
        return bool(admitted), Depth(*depth)

    def done(self, device: str, job: str) -> None:
        """A burst was answered or refused, and waits no more; nothing when it doesn't."""
        self._run(self._done, _name(device, job))

    def depth(self) -> Depth:
        """What waits now."""
        return Depth(*self._run(self._read)[1:])

    def _run(self, script: Any, *arguments: str | int) -> Any:
        return script(keys=_KEYS, args=arguments)


def _name(device: str, job: str) -> str:
    return f"{device}/{job}"
