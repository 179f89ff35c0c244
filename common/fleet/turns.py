"""Whose turn it is: the devices whose bursts wait for a plan's workers take turns, one burst each.

What Celery queues is a turn of the plan, which names no burst. Only when a worker takes the turn is it decided which
burst it is for: the oldest burst of the device that waited longest for a turn. Redis remembers the burst under the
turn's id. So a turn that comes again, because its process was killed, say, is for the same burst.

There are as many turns as bursts. A turn that finds no burst is done, and where a turn was lost, the next turn puts
another into the queue. All keys expire after the time for which a frame may wait.
"""

import msgspec
import redis

from common.fleet import redis_keys
from common.fleet.junk import report_junk
from common.fleet.scripts import Script
from common.wire.messages import Task

#: Entries without a burst that one step passes over. Where more follow, the step puts another turn into the queue.
_AT_ONCE = 100

#: The beginning of a key that ends with a device, a colon and a job: of a burst that waits, as a `Task` in JSON.
_TASKS = "blindsight:task:"

#: Lua that gives the score behind the last entry of a sorted set. A set whose scores aren't ours is deleted.
_BEHIND = """
local function behind(set)
    local last = tonumber(run('ZREVRANGE', set, 0, 0, 'WITHSCORES')[2] or 0)
    if last and last >= 0 and last < 2 ^ 53 then return last + 1 end
    redis.call('DEL', set)
    return 1
end
"""
#: Lua that lets a burst join the bursts of its device, and the device the ring of devices. It is part of a script that
#: defines run, device, job and seconds. A burst that comes again while it waits has its turn already, unless the turn
#: was lost.
JOIN = f"""{_BEHIND}
local TASK, BURSTS, RING, TURNS = KEYS[8], KEYS[9], KEYS[10], KEYS[11]
redis.call('SET', TASK, ARGV[11], 'EX', seconds)
local joined = run('ZADD', BURSTS, 'NX', behind(BURSTS), job)
run('ZADD', RING, 'NX', behind(RING), device)
if run('LLEN', TURNS) == 0 or joined == 1 then run('LPUSH', TURNS, ARGV[12]) end
for _, key in ipairs({{BURSTS, RING, TURNS}}) do redis.call('EXPIRE', key, seconds) end
"""
#: Lua that takes the burst of a turn. Its first change is one that a full Redis allows (ZPOPMIN or ZREM): what follows
#: a script's first change is allowed, too.
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
    """A worker's turns. A turn that isn't ended is remembered for so many seconds. Methods raise `redis.RedisError`."""

    def __init__(self, client: "redis.Redis", seconds: int) -> None:
        self._redis, self._seconds = client, seconds
        self._take = Script(client, _TAKE)

    def take(self, turn: str, plan: str, message: str) -> Task | None:
        """The burst that a turn of a plan is for; None where no burst waits.

        `message` is another turn of the plan, which goes into the queue where bursts wait and no turn does.
        """
        keys = [_taken_key(turn), _ring_key(plan), redis_keys.queue_of(plan)]
        while True:
            (data,) = self._take(keys, [_bursts_prefix(plan), _TASKS, self._seconds, message])
            if not data:
                return None
            try:
                return msgspec.json.decode(data, type=Task)
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                report_junk("a burst's task", error=str(error)[:200])
                self.end(turn)

    def end(self, turn: str) -> None:
        """Forget a turn that is done."""
        self._redis.delete(_taken_key(turn))


def join_keys(task: Task) -> list[str]:
    """The keys of `JOIN`."""
    bursts = _bursts_prefix(task.plan) + task.device
    return [_TASKS + f"{task.device}:{task.job}", bursts, _ring_key(task.plan), redis_keys.queue_of(task.plan)]


def join_arguments(task: Task, message: str) -> list[bytes | str]:
    """The arguments of `JOIN`; `message` is a turn of the burst's plan."""
    return [msgspec.json.encode(task), message]


def _bursts_prefix(plan: str) -> str:
    """The beginning of a key that ends with a device's name: of its bursts, in the order in which they came."""
    return f"blindsight:bursts:{plan}:"


def _ring_key(plan: str) -> str:
    """The key of the devices that have bursts, in the order of their turns."""
    return f"blindsight:ring:{plan}"


def _taken_key(turn: str) -> str:
    """The key of the burst that a turn is for, once the turn is taken."""
    return f"blindsight:taken:{turn}"
