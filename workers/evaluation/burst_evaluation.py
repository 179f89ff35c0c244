"""The scores of a burst with a key set's keys. Nothing here knows Redis, MQTT or jobs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.errors import KeySetError, WireError
from common.plan.sealed import load_served
from workers.evaluation.engine import Engine, LoadedKeys, PreparedPlan
from workers.keys.key_cache import KeyCache, KeySource
from workers.refusal import RefusedError


class BurstEvaluator:
    """The plans that a process serves, by their hashes, and the key sets that it holds in memory.

    What can't be evaluated is a `RefusedError`, whose reason and detail are meant for the device.
    """

    def __init__(self, plans: Mapping[str, PreparedPlan], keys: KeyCache) -> None:
        self._plans, self._keys = plans, keys

    def plan(self, plan_hash: str) -> PreparedPlan:
        """The plan with this hash. Raises `RefusedError` when this process doesn't serve it."""
        plan = self._plans.get(plan_hash)
        if plan is None:
            raise RefusedError("unknown-plan", f"this worker doesn't serve plan {plan_hash[:12]}")
        return plan

    def keys(self, plan: PreparedPlan, source: KeySource) -> LoadedKeys:
        """Evaluation keys that serve a plan, from memory or from their source.

        Raises `RefusedError` when they aren't there, are damaged or don't serve the plan, and what the source raises.
        Damaged keys are dropped at their source.
        """
        try:
            keys = self._keys.get(source, plan.head)
        except WireError as error:
            source.drop()
            # The upload had the SHA-256 that was announced, so the device's own keys are damaged: no upload mends them.
            raise RefusedError("unfit-key", f"the evaluation keys are damaged; make a new key set: {error}") from error
        except KeySetError as error:
            raise RefusedError("unfit-key", str(error)) from error
        if keys is None:
            raise RefusedError("unknown-key", f"key set {source.name[1][:12]} isn't here; upload it")
        return keys

    def evaluate(self, plan: PreparedPlan, keys: LoadedKeys, burst: bytes, rounded: bool = False) -> bytes:
        """As the plan does. Raises `RefusedError` for a burst that the plan doesn't take, and `KeySetError`."""
        try:
            return plan.evaluate(keys, burst, rounded)
        except WireError as error:
            raise RefusedError("malformed", str(error)) from error


def prepare_plans(paths: Sequence[Path], engine: Engine) -> dict[str, PreparedPlan]:
    """Plans by their hashes. Plain weights are encoded here; sealed ones are read when they are used.

    Raises `PlanError` for a file that can't be used, and `NetworkError` for a plan whose weights round to zero.
    """
    plans = [engine.prepare(load_served(path)) for path in paths]
    return {plan.head.hash: plan for plan in plans}
