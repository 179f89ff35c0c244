"""Lua scripts that run in Redis in one step, and that no value under their keys can stop, whoever wrote it."""

from collections.abc import Sequence
from typing import Any, cast

import redis

from common.fleet.junk import report_junk

Argument = str | int | float | bytes

#: The beginning of every script, in Lua: a script gives each of its commands to `run`, and each number that it reads to
#: `number`. `run` deletes a key of another type than ours, and counts it in `wrong`. `number` gives 0 for what is no
#: number. So no value can make a script fail each time.
_PRELUDE = """
local wrong = 0
local function run(command, key, ...)
    local reply = redis.pcall(command, key, ...)
    if type(reply) ~= 'table' or not reply.err then return reply end
    if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply.err, 0) end
    redis.call('DEL', key)
    wrong = wrong + 1
    return redis.call(command, key, ...)
end
local function number(text)
    local value = tonumber(text or 0)
    return value and value >= 0 and value < 2 ^ 53 and value or 0
end
"""


class Script:
    """A script, in Lua, that returns a list: how many keys it deleted that weren't ours (`wrong`), and its answer."""

    def __init__(self, client: "redis.Redis", text: str) -> None:
        self._client, self._text = client, _PRELUDE + text
        self._script: Any = client.register_script(self._text)

    def __call__(self, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        """Run the script; gives its answer. Raises `redis.RedisError`."""
        return _answer(self._script(keys=keys, args=arguments))

    def after_set(
        self, name: str, value: bytes, seconds: int, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> Any:
        """Set a value that expires after so many seconds, and then run the script, in one round trip; gives its answer.

        So a value of megabytes needn't pass through Lua. Raises `redis.RedisError`.
        """
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.set(name, value, ex=seconds)
            pipeline.evalsha(self._script.sha, len(keys), *keys, *arguments)
            replies = pipeline.execute(raise_on_error=False)
        if isinstance(replies[1], redis.exceptions.NoScriptError):
            return self(keys, arguments)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return _answer(replies[1])


def _answer(reply: Any) -> list[Any]:
    wrong, *answer = cast("list[Any]", reply)
    if wrong:
        report_junk("keys of another type", wrong)
    return answer
