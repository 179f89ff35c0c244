"""Plans and heads from their files, and plans sealed for a key set."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from common.plan.plan import Plan, PlanHead
from common.plan.plan_file import load_head as load_head_file
from common.plan.plan_file import load_plan as load_plan_file
from common.plan.sealed import SealedPlan
from common.plan.sealed import open_sealed as open_sealed_file
from models.catalogue import plan_file
from models.sealing import seal_plan

if TYPE_CHECKING:
    from blindsight.api.keys import KeySet, PublicKeys

#: What names a plan to a key holder: all of it, or its head alone.
AnyPlan: TypeAlias = Plan | SealedPlan | PlanHead
FilePath: TypeAlias = str | PathLike[str]


def load_plan(path: FilePath) -> Plan:
    """The plan in a file, or of a shipped model: "digits" or "scenes", at 128 bits and one frame in a ciphertext.

    A plan whose devices run its first layers (`encrypt_from`) keeps these in the `.head` file, which `load_head`
    reads. Raises `PlanError` for a file that is missing, damaged, altered or no plan, and `ConfigurationError` for a
    name that is neither a file's nor a shipped model's.
    """
    return load_plan_file(plan_file(Path(path)))


def load_head(path: FilePath) -> PlanHead:
    """The head in a plan's or head's file, or of a shipped model, which is all that a key holder needs.

    Raises like `load_plan`.
    """
    return load_head_file(plan_file(Path(path)))


def open_sealed(path: FilePath) -> SealedPlan:
    """The sealed plan in a file, which has to stay as long as it is used: weights are read when they are needed.

    Raises `PlanError`.
    """
    return open_sealed_file(Path(path))


def seal(
    plan: Plan, keys: "KeySet | PublicKeys", path: FilePath, *, progress: Callable[[int], None] = lambda _: None
) -> SealedPlan:
    """Encrypt all weights of a plan for the holder of `keys`, into a file, and write its head to the file `PATH.head`.

    Whoever evaluates the sealed plan learns neither frames, nor weights, nor scores. `progress` is called with 1 for
    each ciphertext written. Raises `PlanError` unless the plan was compiled with `sealed=True` and the file can be
    written, and `KeySetError` for the keys of another plan.
    """
    head = seal_plan(plan, keys.core, Path(path), progress)
    sealed = open_sealed(path)
    if plan.head.front:  # devices run it; the sealed file holds no layer in plain
        structure = msgspec.structs.replace(sealed.plan, head=msgspec.structs.replace(head, front=plan.head.front))
        sealed.plan = structure
    return sealed


def head_of(plan: AnyPlan) -> PlanHead:
    """A plan's head."""
    if isinstance(plan, PlanHead):
        return plan
    return plan.plan.head if isinstance(plan, SealedPlan) else plan.head
