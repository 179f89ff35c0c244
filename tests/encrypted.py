"""A plan run on real ciphertexts, under new keys."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from common.fhe import Context
from common.plan import Plan
from tests.networks import Frames
from workers.evaluator import PreparedPlan


def evaluator(plan: Plan) -> Callable[[Frames], NDArray[np.float64]]:
    """Encrypts frames (n, h, w, c) under new keys, evaluates them together, decrypts their scores (n, labels)."""
    head, prepared = plan.head, PreparedPlan(plan)
    context = Context(head.parameters)
    context.generate_keys(head.rotations)

    def evaluate(frames: Frames) -> NDArray[np.float64]:
        encrypted = [context.encrypt(slots, head.input_scale) for slots in head.lay_out(frames)]
        scores = prepared.evaluate(context, encrypted)
        return head.read_scores(np.stack([context.decrypt(one) for one in scores]))[: len(frames)]

    return evaluate
