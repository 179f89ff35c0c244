"""Which plans the fleet serves, without asking Redis for every frame."""

import time
from collections.abc import Callable

from common.registry import ANNOUNCE_SECONDS, Registry


class ServedPlans:
    """Remembers that a plan was served for as long as it takes its worker to say so again; nothing else."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._clock = registry, clock
        self._seen: dict[str, float] = {}

    def instead_of(self, plan: str) -> list[str]:
        """Model and plan of all that are served where this one isn't; empty where it is, or no worker is known.

        Without any worker, a frame may wait for its own: the fleet may be starting. Raises `redis.RedisError`.
        """
        now = self._clock()
        if now - self._seen.get(plan, float("-inf")) < ANNOUNCE_SECONDS:
            return []
        served = {each: model for worker in self._registry.workers() for each, model in worker.models.items()}
        self._seen = dict.fromkeys(served, now)
        return [] if plan in served else sorted(f"{model} {each[:12]}" for each, model in served.items())
