"""Bursts that are folded (`common.ckks.folded`): the ciphertexts that an engine adds to their own rotations."""

from common.ckks.folded import decode_halves, is_folded
from common.ckks.packing import Residues
from common.errors import WireError
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.plan.plan import PlanHead


def read_halves(head: PlanHead, keys: EvaluationKeysHeader, burst: bytes) -> list[Residues] | None:
    """The residues, shape (2, levels + 1, N), of each ciphertext before its rotation; None for another burst.

    Raises `WireError` for bytes that are none, and where the plan or these keys can't unfold them.
    """
    if not is_folded(burst):
        return None
    if not head.folds:
        raise WireError("the ciphertexts are folded, and slots of this plan's input don't repeat; send them whole")
    if not keys.unfolds(head):
        step, level = head.parameters.half_turn, head.parameters.levels
        raise WireError(
            f"the ciphertexts are folded, and the key set has no rotation key for step {step} at level {level}; send "
            "them whole, or make a new key set for this plan: blindsight keys create"
        )
    return decode_halves(head.parameters, burst, head.input_ciphertexts)
