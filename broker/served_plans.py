"""Which plans the fleet serves, and how large their bursts are, without a question to Redis for every frame."""

import time
from collections.abc import Callable

from common.errors import WireError
from common.fleet.registry import ANNOUNCE_SECONDS, Burst, Registry


class ServedPlans:
    """Remembers the plans that were served for `ANNOUNCE_SECONDS`, in which each worker announces itself again."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._clock = registry, clock
        self._seen: dict[str, float] = {}
        self._bursts: dict[str, set[Burst]] = {}

    def instead_of(self, plan: str) -> list[str]:
        """Models and plans that are served where this plan isn't; empty where it is served, or no worker is known.

        Without any worker, a frame may wait for a worker of its plan: the fleet may be starting.
        Raises `redis.RedisError`.
        """
        now = self._clock()
        if now - self._seen.get(plan, float("-inf")) < ANNOUNCE_SECONDS:
            return []
        workers = self._registry.workers()
        served = {each: model for worker in workers for each, model in worker.models.items()}
        self._seen, self._bursts = dict.fromkeys(served, now), {}
        for worker in workers:
            for each, burst in worker.bursts.items():
                self._bursts.setdefault(each, set()).add(burst)
        return [] if plan in served else sorted(f"{model} {each[:12]}" for each, model in served.items())

    def check_burst(self, plan: str, size: int, frames: int) -> None:
        """Raise `WireError` for a burst that no worker of its plan could evaluate, by what the workers announced.

        `size` is in bytes. It was read from Redis when `instead_of` last did so. Workers of earlier versions
        announce no bursts, so those of their plans aren't checked.
        """
        bursts = self._bursts.get(plan)
        if bursts and not any(size in each.sizes and frames <= each.frames for each in bursts):
            wanted = " or ".join(f"{each.bytes:,} for at most {each.frames}" for each in bursts)
            raise WireError(f"the ciphertext has {size:,} bytes for {frames} frames; its plan's have {wanted}")
