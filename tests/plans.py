"""Plans that take seconds to compile: once in a run of the tests, whichever of its processes need them."""

import fcntl
import os
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path

from common.plan.plan import Plan
from models.plans import compile_plan, get_plan

#: Names the folder of this run, which `tests.conftest` makes and removes.
FOLDER = "TEST_PLANS_OF_BLINDSIGHT"


def shared(name: str, compile_it: Callable[[], Plan]) -> Plan:
    """The plan of this name that the run has, or else a new one. Other processes wait while it is compiled."""
    path = Path(os.environ[FOLDER]) / name
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            path.write_bytes(pickle.dumps(compile_it()))
    plan: Plan = pickle.loads(path.read_bytes())
    return plan


@cache
def small_digits() -> Plan:
    """The model's plan at 128 bits with few keys."""
    return shared("digits-small", lambda: compile_plan("digits", 128, small=True))


@cache
def digits(frames_per_ciphertext: int = 1, sealed: bool = False) -> Plan:
    """The model's plan at 128 bits; one frame in a ciphertext and plain weights are what ships."""
    name = f"digits-{frames_per_ciphertext}-{sealed}"
    return shared(name, lambda: get_plan("digits", 128, frames_per_ciphertext, sealed=sealed))
