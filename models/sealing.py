"""A plan sealed for a key set: the file for workers, and its head beside it for devices and the console."""

from collections.abc import Callable
from pathlib import Path

from common.keys.key_set import PublicKeySet
from common.plan.plan import Plan, PlanHead
from common.plan.sealed import seal


def seal_plan(plan: Plan, keys: PublicKeySet, path: Path, progress: Callable[[int], None]) -> PlanHead:
    """Write a sealed plan and its head, which is returned. Raises `KeySetError` for other plans' keys, `PlanError`."""
    keys.header.check_serves(plan.head)
    head = seal(plan, keys.context, keys.fingerprint, path, progress)
    Plan(head, ()).save_head(head_path(path))
    return head


def head_path(sealed: Path) -> Path:
    """Where the head of a sealed plan is written."""
    return sealed.with_name(f"{sealed.name}.head")
