"""Lua scripts that run in Redis in one step, and go on whatever somebody else wrote to their keys."""

from collections.abc import Sequence
from typing import Any, cast

import redis

from common.fleet.junk import thrown_away

Argument = str | int | float | bytes

#: Every command of a script goes through `run`. A key of another type than ours is emptied, and counted in `wrong`;
#: what is no number counts as 0. So no value can make a script fail each time.
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
    """A script that returns a list: how many keys it emptied that weren't ours, and then its answer."""

    def __init__(self, client: "redis.Redis", text: str) -> None:
        self._client, self._text = client, _PRELUDE + text
        self._script: Any = client.register_script(self._text)

    def __call__(self, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        """Run it. Raises `redis.RedisError`."""
        return _answer(self._script(keys=keys, args=arguments))

    def after_set(
        self, name: str, value: bytes, seconds: int, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> Any:
        """Run it once a value is set that ends after so many seconds; both on one way. Raises `redis.RedisError`.

        A value of megabytes needn't pass through Lua so.
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
        thrown_away("keys of another type", wrong)
    return answer
