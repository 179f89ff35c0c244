"""How many devices' evaluation keys have room in Redis and on this machine: told and checked before a worker serves."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import redis

from common.errors import KeySetError
from common.fleet.key_room import memory_for_keys, room_for_keys
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.logs import get_logger
from common.plan.plan import PlanHead
from workers.evaluation.engine import Engine

log = get_logger(__name__)


def check_key_room(client: "redis.Redis", heads: Iterable[PlanHead], engine: Engine, cache: int) -> None:
    """Log for each plan how many devices' keys Redis has room for, and this machine's `cache` of so many bytes.

    Raises `KeySetError` for a plan whose keys Redis has no room for even on one device. Of a Redis that can't be
    reached, or has no bound, nothing is said.
    """
    memory = _memory(client)
    for head in heads:
        header = EvaluationKeysHeader.for_plan(head, "", seeded=True)
        if memory and header.size > room_for_keys(memory):
            raise KeySetError(
                f"the evaluation keys of plan {head.hash[:12]} of {head.model} take {header.size:,} bytes, and Redis "
                f"takes keys up to {room_for_keys(memory):,}: give it a maxmemory of {memory_for_keys(header.size):,} "
                "bytes for each device, and more for frames (redis/own.conf)"
            )
        size = engine.keys_size(header)
        here, there = cache // max(size, 1), room_for_keys(memory) // max(header.size, 1) if memory else None
        log.info("room for keys", plan=head.hash[:12], mb=round(header.size / 1e6), devices_redis=there, devices=here)
        if 2 * size > cache:
            log.warning(
                "no room for the keys of two devices: with several, they are read from Redis for most bursts",
                plan=head.hash[:12],
                key_cache_mb=cache // 1_000_000,
                needed_mb_for_two=-(-2 * size // 1_000_000),
            )


def _memory(client: "redis.Redis") -> int:
    """Redis's maxmemory in bytes; 0 where it has no bound, or can't be reached."""
    with suppress(redis.RedisError):
        memory: Any = client.info("memory")
        return int(memory["maxmemory"])
    return 0
