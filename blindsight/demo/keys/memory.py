"""The memory that a demo gives Redis and its worker's key sets: as much as the keys of its plan take."""

from dataclasses import dataclass

from broker.settings import BridgeSettings
from common.errors import ConfigurationError
from common.fleet.key_room import SHIPPED_MEMORY, memory_for_keys
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.plan.plan import Plan
from common.plan.predictions import machine_memory, weight_bytes
from workers.evaluation.engine import Engine
from workers.settings import WorkerSettings


@dataclass(frozen=True)
class Memory:
    """Redis's `maxmemory` in bytes, and a worker's `--key-cache-mb`. They are never less than what ships."""

    redis: int
    key_cache_mb: int


def memory_for(plan: Plan, key_sets: int, engine: Engine) -> Memory:
    """What a demo needs with so many key sets, each of which is evaluated in turn by `engine`.

    Raises `ConfigurationError` where this machine hasn't got the memory.
    """
    header = EvaluationKeysHeader.for_plan(plan.head, "", seeded=True)
    queue = _default(BridgeSettings, "max_queue_mb") * 1_000_000
    # Redis copies a growing value as a whole now and again, so that one key set counts twice.
    redis = max(SHIPPED_MEMORY, memory_for_keys((key_sets + 1) * header.size + queue))
    weights, there = weight_bytes(plan), machine_memory()
    if redis > SHIPPED_MEMORY and redis + weights > there:
        raise ConfigurationError(
            f"{key_sets} key sets of {header.size / 1e6:,.0f} MB ask for {redis / 1e9:,.1f} GB in Redis, the plan's "
            f"weights for {weights / 1e9:,.1f} GB in the worker, and this machine has {there / 1e9:,.1f} GB: "
            "run fewer --devices, or --custody site, where all devices have one key set"
        )
    # Files have some bytes more than their keys. A worker with room for one key set would warn.
    cache = -(-max(key_sets, 2) * engine.keys_size(header) // 1_000_000) + 1
    return Memory(redis, max(_default(WorkerSettings, "key_cache_mb"), cache))


def _default(settings: type[BridgeSettings] | type[WorkerSettings], name: str) -> int:
    return int(settings.model_fields[name].default)
