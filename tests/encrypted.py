"""A plan run on real ciphertexts, under new keys."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.ckks.ciphertext import decode_ciphertexts, encode_ciphertexts
from common.ckks.fhe import Context
from common.keys.evaluation_keys import EvaluationKeysHeader, encode_evaluation_keys
from common.plan.plan import Plan
from common.plan.sealed import SealedPlan, open_sealed, seal
from tests.networks import Frames
from workers.evaluation.engine import Engine
from workers.evaluation.engines import open_engine

#: Times its plan's error bound that a score may err in a test of many networks, each under new keys. The bound is eight
#: standard deviations, beyond which lies one slot in 80,000, and such tests read thousands. Beyond twelve lies one in
#: twenty million. That the model's standard deviation is right is tested beside the model.
CHANCE = 1.5

#: Encrypts frames (n, h, w, c), evaluates them together, decrypts their scores (n, labels).
Evaluate = Callable[[Frames], NDArray[np.float64]]


def evaluator(plan: Plan) -> Evaluate:
    """Evaluates frames under new keys, on the best engine here. A plan compiled for sealing is evaluated sealed."""
    (evaluate,) = evaluators(plan, [open_engine()])
    return evaluate


def evaluators(plan: Plan, engines: list[Engine]) -> list[Evaluate]:
    """One for each engine, all under the same new keys."""
    head, context = plan.head, Context(plan.head.parameters)
    context.generate_keys(head.rotations)
    served = sealed(plan, context) if head.for_sealing else plan
    keys = evaluation_keys(plan, context)

    def evaluate(frames: Frames, engine: Engine) -> NDArray[np.float64]:
        encrypted = [context.encrypt(slots, head.input_scale) for slots in head.lay_out(frames)]
        reply = prepared[engine].evaluate(loaded[engine], encode_ciphertexts(context, encrypted))
        scores = decode_ciphertexts(context, reply, 0, head.output_scale, head.output_ciphertexts)
        return head.read_scores(np.stack([context.decrypt(one) for one in scores]))[: len(frames)]

    prepared = {engine: engine.prepare(served) for engine in engines}
    loaded = {engine: engine.load_keys(keys) for engine in engines}
    return [lambda frames, engine=engine: evaluate(frames, engine) for engine in engines]


def evaluation_keys(plan: Plan, context: Context) -> bytes:
    """The keys in `context` that a plan uses, in their wire form."""
    head = plan.head
    header = EvaluationKeysHeader("0" * 64, head.parameters, head.relinearisation_level, head.rotations)
    return encode_evaluation_keys(context, header)


def sealed(plan: Plan, context: Context) -> SealedPlan:
    """The plan, sealed under the public key in `context`. The file's name is gone when it is mapped."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.sealed"
        seal(plan, context, "0" * 64, path, lambda _: None)
        return open_sealed(path)
