"""Which bursts wait for a worker or are in work, counted in Redis for all bridges and workers together.

A bridge admits a burst, which also gives its device a turn (`common.fleet.turns`), and a worker takes the burst out
once it is answered or refused. So the queue has a bound in bursts and in bytes, and each device a share of the queue.
Nothing else depends on these counts: each step may be repeated, an entry that nobody takes out expires, and a Redis
that lost them counts from zero until the devices have sent their frames again.

A device may have as much waiting as there is room left (Choudhury and Hahne, "Dynamic queue length thresholds for
shared-memory packet switches", 1998). So a device that floods the queue takes half of it, two such devices a third
each, and there is always room for a device that has nothing waiting. No step looks at all bursts that wait: their sums
are kept, and expired entries are taken out a few at a time.
"""

from dataclasses import dataclass
from typing import Literal

import redis

from common.fleet import redis_keys
from common.fleet.scripts import Script
from common.fleet.turns import JOIN, join_arguments, join_keys
from common.wire.messages import Task

#: Seconds in which a device's frames are counted, from the first one on.
WINDOW_SECONDS = 60
#: Expired entries that one step takes out.
_AT_ONCE = 100
#: The beginning of a key that ends with a device, a colon and a job: of a burst's bytes. They are deleted when the
#: burst waits no more, so that all bursts whose bytes are in Redis are counted.
_FRAMES = redis_keys.blob_key("", "")[:-1]
#: Seconds after which no burst of ours expires: an entry that expires later is junk.
_NEVER = 10 * 365 * 86_400
#: Keys: of a sorted set of bursts, by the time at which each expires; of the bytes of each; of the bursts and bytes of
#: each device, and the bytes of all; of the number of bursts that were answered or refused so far.
_KEYS = ("blindsight:waiting", "blindsight:waiting:sizes", "blindsight:waiting:shares", "blindsight:waiting:drained")

#: The ending of a field that begins with a device: of the number of its bursts.
_BURSTS = b"/bursts"
#: Digits from which on a count isn't believed.
_LONG = 18

#: Lua that the scripts below begin with: the sums, and how a burst leaves them.
_COUNTS = f"""
local WAITING, SIZES, SHARES, DRAINED = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local function held(device)
    local fields = run('HMGET', SHARES, device .. '/bursts', device .. '/bytes', 'bytes')
    return number(fields[1]), number(fields[2]), number(fields[3])
end
local function count(device, bursts, size)
    local own, own_bytes, bytes = held(device)
    if own + bursts > 0 then
        run('HSET', SHARES, device .. '/bursts', own + bursts, device .. '/bytes', math.max(own_bytes + size, 0))
    else
        run('HDEL', SHARES, device .. '/bursts', device .. '/bytes')
    end
    run('HSET', SHARES, 'bytes', math.max(bytes + size, 0))
end
local function waiting()
    local bursts = run('ZCARD', WAITING)
    if bursts == 0 then redis.call('DEL', SIZES, SHARES) end
    return bursts
end
local function leave(name)
    if run('ZREM', WAITING, name) == 0 then return false end
    local size = number(run('HGET', SIZES, name))
    run('HDEL', SIZES, name)
    count(string.match(name, '^[^/]*'), -1, -size)
    return true
end
local function forget(name)
    local left = leave(name)
    redis.call('UNLINK', '{_FRAMES}' .. string.gsub(name, '/', ':', 1))
    return left
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local function expire()
    for _, name in ipairs(run('ZRANGEBYSCORE', WAITING, '-inf', now, 'LIMIT', 0, {_AT_ONCE})) do forget(name) end
    for _, name in ipairs(run('ZRANGEBYSCORE', WAITING, now + {_NEVER}, '+inf', 'LIMIT', 0, {_AT_ONCE})) do
        forget(name)
        wrong = wrong + 1
    end
end
"""
#: Lua that gives the fields of `Depth`.
_DEPTH = f"""{_COUNTS}
expire()
local bursts = waiting()
local _, _, bytes = held('')
return {{wrong, bursts, bytes, number(run('GET', DRAINED))}}
"""
#: Lua that takes a burst out. ZREM comes first, which Redis allows however full it is; what follows a script's first
#: change is allowed, too.
_DONE = f"""{_COUNTS}
if forget(ARGV[1]) then run('SET', DRAINED, number(run('GET', DRAINED)) + 1) end
waiting()
return {{wrong}}
"""
#: Lua that admits a burst or gives the reason why not. It begins with a command that a full Redis refuses, so that a
#: full Redis admits nothing.
_ADMIT = f"""{_COUNTS}
run('SETRANGE', DRAINED, 0, '')
if redis.call('EXISTS', KEYS[7]) == 0 then return redis.error_reply('the frame is gone that was to wait') end
local device, job, size, frames, seconds = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local limit, name = tonumber(ARGV[6]), device .. '/' .. job
local known = run('ZSCORE', WAITING, name)
local alive = known and tonumber(known) > now and tonumber(known) < now + {_NEVER}
if known and not (alive and number(run('HGET', SIZES, name)) == size) then
    leave(name)  -- and not its bytes, which are new
    known = false
end
expire()
local most, most_bytes = tonumber(ARGV[7]), tonumber(ARGV[8])
local drained, bursts = number(run('GET', DRAINED)), waiting()
local own, own_bytes, bytes = held(device)
local promise = number(run('GET', KEYS[6]))
local promised = promise > 0 and promise <= now
if not promised then most, most_bytes = tonumber(ARGV[9]), tonumber(ARGV[10]) end

local function refuse(verdict, rest)
    redis.call('UNLINK', KEYS[7])
    return {{wrong, verdict, rest, own, drained}}
end
if not known then
    local used, rest = number(run('GET', KEYS[5])), redis.call('PTTL', KEYS[5])
    if rest < 0 then used = 0 end
    if limit > 0 and used >= limit then return refuse('quota', rest) end
    if bursts > 0 then
        local room, room_bytes = most - bursts, most_bytes - bytes
        if room < 1 or size > room_bytes then return refuse('full', 0) end
        if own > 0 and (own >= room or own_bytes + size > room_bytes) then return refuse('share', 0) end
    end
    run('HSET', SIZES, name, size)
    count(device, 1, size)
    if limit > 0 and used == 0 then
        redis.call('SET', KEYS[5], frames, 'EX', {WINDOW_SECONDS})
    elseif limit > 0 then
        redis.call('SET', KEYS[5], used + frames, 'KEEPTTL')
    end
end
run('ZADD', WAITING, now + seconds, name)
if promised then redis.call('DEL', KEYS[6]) end
{JOIN}
return {{wrong, 'admitted', 0, own, drained}}
"""


@dataclass(frozen=True)
class Depth:
    """Bursts and bytes that wait or are in work; `drained` counts the bursts that were answered or refused so far."""

    bursts: int
    bytes: int
    drained: int


@dataclass(frozen=True)
class Bounds:
    """How much may wait, and how many frames a device may send in a minute (None for any number).

    The `early` bounds hold for a device that comes before the time that was promised to it, or without a promise.
    """

    bursts: int
    bytes: int
    early_bursts: int
    early_bytes: int
    frames_per_minute: int | None = None


#: Whether a burst may wait: it is admitted, or its device's minute (quota), the queue, or its device's share is full.
Verdict = Literal["admitted", "quota", "full", "share"]


@dataclass(frozen=True)
class Admission:
    """The answer to a burst that comes.

    `rest` is the time in seconds until the device's minute ends, for the verdict "quota", and 0 otherwise. `own` is the
    number of bursts of the device that waited before. `drained` is as in `Depth`.
    """

    verdict: Verdict
    rest: float
    own: int
    drained: int


class WaitingBursts:
    """The bursts that wait for a worker or are in work. Every method raises `redis.RedisError`."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client
        self._admit, self._done, self._read = (Script(client, text) for text in (_ADMIT, _DONE, _DEPTH))

    def admit(self, task: Task, ciphertext: bytes, seconds: int, bounds: Bounds, message: str) -> Admission:
        """Let a burst wait for at most so many seconds, if there is room, and put `message`, a turn, into its queue.

        A burst that waits already is admitted again and counts once, since its turn may have been lost on the way to a
        worker; with another size it counts as a new burst. Where nothing waits, any burst is admitted, however large.
        """
        keys = [*_KEYS, limit_key(task.device), promise_key(task.device), task.blob, *join_keys(task)]
        size = len(ciphertext) + len(task.sealed)
        arguments: list[str | int | bytes] = [task.device, task.job, size, task.frames, seconds]
        arguments += [bounds.frames_per_minute or 0, bounds.bursts, bounds.bytes]
        arguments += [bounds.early_bursts, bounds.early_bytes, *join_arguments(task, message)]
        reply = self._admit.after_set(task.blob, ciphertext, seconds, keys, arguments)
        verdict, rest, own, drained = reply
        return Admission(verdict.decode(), rest / 1000, own, drained)

    def promise(self, device: str, at: float, seconds: int) -> None:
        """Keep room for a device that comes at the time `at`, or later; forget that after so many seconds.

        `at` is Unix time in seconds.
        """
        self._redis.set(promise_key(device), at, ex=seconds)

    def done(self, device: str, job: str) -> None:
        """Take out a burst that was answered or refused, and delete its bytes.

        This works in a Redis whose memory is full, since it is what makes room there.
        """
        self._done(_KEYS, [f"{device}/{job}"])

    def depth(self) -> Depth:
        """How much waits now."""
        return Depth(*self._read(_KEYS, []))


def shares(client: "redis.Redis", most: int) -> dict[str, int]:
    """The bursts that wait or are in work of each device, of at most so many devices. Raises `redis.RedisError`."""
    found: dict[str, int] = {}
    try:
        for name, value in client.hscan_iter(_KEYS[2], match=f"*{_BURSTS.decode()}", count=1000):
            if value.isdigit() and len(value) < _LONG:
                found[name.removesuffix(_BURSTS).decode(errors="replace")] = int(value)
            if len(found) >= most:
                break
    except redis.ResponseError:  # it is no hash; the next burst that is admitted discards it
        return {}
    return found


def limit_key(device: str) -> str:
    """The key under which the frames of a device's present minute are counted."""
    return f"blindsight:limit:{device}"


def promise_key(device: str) -> str:
    """The key of the time at which a device that was refused shall come again."""
    return f"blindsight:promise:{device}"
