"""A plan run on real ciphertexts, under new keys."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.ckks.fhe import Context
from common.plan.plan import Plan
from common.plan.sealed import SealedPlan, open_sealed, seal
from tests.networks import Frames
from workers.evaluation.evaluator import PreparedPlan


def evaluator(plan: Plan) -> Callable[[Frames], NDArray[np.float64]]:
    """Encrypts frames (n, h, w, c) under new keys, evaluates them together, decrypts their scores (n, labels).

    A plan compiled for sealing is evaluated sealed.
    """
    head, context = plan.head, Context(plan.head.parameters)
    context.generate_keys(head.rotations)
    prepared = PreparedPlan(sealed(plan, context) if head.for_sealing else plan)

    def evaluate(frames: Frames) -> NDArray[np.float64]:
        encrypted = [context.encrypt(slots, head.input_scale) for slots in head.lay_out(frames)]
        scores = prepared.evaluate(context, encrypted)
        return head.read_scores(np.stack([context.decrypt(one) for one in scores]))[: len(frames)]

    return evaluate


def sealed(plan: Plan, context: Context) -> SealedPlan:
    """The plan, sealed under the public key in `context`. The file's name is gone when it is mapped."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.sealed"
        seal(plan, context, "0" * 64, path, lambda _: None)
        return open_sealed(path)
