"""Which plans the fleet serves, and with bursts of which size, without asking Redis for every frame."""

import time
from collections.abc import Callable

from common.errors import WireError
from common.fleet.registry import ANNOUNCE_SECONDS, Burst, Registry


class ServedPlans:
    """Remembers that a plan was served for as long as it takes its worker to say so again; nothing else."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._clock = registry, clock
        self._seen: dict[str, float] = {}
        self._bursts: dict[str, set[Burst]] = {}

    def instead_of(self, plan: str) -> list[str]:
        """Model and plan of all that are served where this one isn't; empty where it is, or no worker is known.

        Without any worker, a frame may wait for its own: the fleet may be starting. Raises `redis.RedisError`.
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
        """Raise `WireError` for a burst that no worker of its plan could evaluate, as far as workers said so.

        What they said is as old as `instead_of` found the plan.
        """
        bursts = self._bursts.get(plan)
        if bursts and not any(size == burst.bytes and frames <= burst.frames for burst in bursts):
            wanted = " or ".join(f"{each.bytes:,} for at most {each.frames}" for each in bursts)
            raise WireError(f"the ciphertext has {size:,} bytes for {frames} frames; its plan's have {wanted}")
