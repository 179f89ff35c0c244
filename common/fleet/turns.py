"""Whose turn it is: the devices whose bursts wait for a plan's workers take turns, one burst each.

What Celery queues is a turn of the plan, which names no burst. Only when a worker has taken it is it decided what it
is for: the oldest burst of the device that waited longest for its turn. Redis remembers that under the turn's id, so
one that comes again, since its process was killed, say, is for the same burst. There are as many turns as bursts; one
that finds nothing is done, and where one was lost the next makes another. All of it ends after the time for which a
frame may wait.
"""

import msgspec
import redis

from common.fleet import redis_keys
from common.fleet.junk import thrown_away
from common.fleet.scripts import Script
from common.wire.messages import Task

#: Entries without a burst that one step passes over; the turn for those that follow isn't lost.
_AT_ONCE = 100

#: Before a device, a colon and a job: a burst that waits for its turn, as a `Task` in JSON.
_TASKS = "blindsight:task:"

_BEHIND = """
local function behind(set)
    local last = tonumber(run('ZREVRANGE', set, 0, 0, 'WITHSCORES')[2] or 0)
    if last and last >= 0 and last < 2 ^ 53 then return last + 1 end
    redis.call('DEL', set)
    return 1
end
"""
#: Lua that lets a burst join its device's, and the device the ring, in a script that has run, device, job and seconds.
#: A burst that comes again while it waits has its turn already, unless that was lost.
JOIN = f"""{_BEHIND}
local TASK, BURSTS, RING, TURNS = KEYS[8], KEYS[9], KEYS[10], KEYS[11]
redis.call('SET', TASK, ARGV[11], 'EX', seconds)
local joined = run('ZADD', BURSTS, 'NX', behind(BURSTS), job)
run('ZADD', RING, 'NX', behind(RING), device)
if run('LLEN', TURNS) == 0 or joined == 1 then run('LPUSH', TURNS, ARGV[12]) end
for _, key in ipairs({{BURSTS, RING, TURNS}}) do redis.call('EXPIRE', key, seconds) end
"""
#: Its first change is one that a full Redis allows: ZPOPMIN or ZREM.
_TAKE = f"""{_BEHIND}
local TAKEN, RING, TURNS = KEYS[1], KEYS[2], KEYS[3]
local bursts, tasks, seconds, message = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local task = run('GET', TAKEN)
if task then
    redis.call('EXPIRE', TAKEN, seconds)
    return {{wrong, task}}
end
local function next_task()
    local device = run('ZRANGE', RING, 0, 0)[1]
    if not device then return nil, false end
    local job = run('ZPOPMIN', bursts .. device)[1]
    if not job or run('ZCARD', bursts .. device) == 0 then
        run('ZREM', RING, device)
    else
        run('ZADD', RING, behind(RING), device)
    end
    local key = tasks .. device .. ':' .. (job or '')
    local found = job and run('GET', key)
    if not found or found == '' then return nil, true end
    redis.call('DEL', key)
    return found, true
end
for _ = 1, {_AT_ONCE} do
    local more
    task, more = next_task()
    if task then redis.call('SET', TAKEN, task, 'EX', seconds) end
    if task or not more then break end
end
if run('ZCARD', RING) > 0 and run('LLEN', TURNS) == 0 then
    redis.call('LPUSH', TURNS, message)
    redis.call('EXPIRE', TURNS, seconds)
end
return {{wrong, task or ''}}
"""


class Turns:
    """A worker's turns, which are kept for so many seconds until they are done. Methods raise `redis.RedisError`."""

    def __init__(self, client: "redis.Redis", seconds: int) -> None:
        self._redis, self._seconds = client, seconds
        self._take = Script(client, _TAKE)

    def take(self, turn: str, plan: str, message: str) -> Task | None:
        """The burst that a turn is for; None where none waits. `message` is another turn, should one be missing."""
        keys = [_taken_key(turn), _ring_key(plan), redis_keys.queue_of(plan)]
        while True:
            (data,) = self._take(keys, [_bursts_prefix(plan), _TASKS, self._seconds, message])
            if not data:
                return None
            try:
                return msgspec.json.decode(data, type=Task)
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                thrown_away("a burst's task", error=str(error)[:200])
                self.end(turn)

    def end(self, turn: str) -> None:
        """A turn is done, and needn't be known any more."""
        self._redis.delete(_taken_key(turn))


def join_keys(task: Task) -> list[str]:
    """The keys of `JOIN`."""
    bursts = _bursts_prefix(task.plan) + task.device
    return [_TASKS + f"{task.device}:{task.job}", bursts, _ring_key(task.plan), redis_keys.queue_of(task.plan)]


def join_arguments(task: Task, message: str) -> list[bytes | str]:
    """The arguments of `JOIN`; `message` is a turn."""
    return [msgspec.json.encode(task), message]


def _bursts_prefix(plan: str) -> str:
    """Before a device's name: its bursts, in the order in which they came."""
    return f"blindsight:bursts:{plan}:"


def _ring_key(plan: str) -> str:
    """The devices that have bursts, in the order of their turns."""
    return f"blindsight:ring:{plan}"


def _taken_key(turn: str) -> str:
    """The burst that a turn is for."""
    return f"blindsight:taken:{turn}"
