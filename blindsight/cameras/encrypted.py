"""A model's scores through real ciphertexts, in this process, with keys that are made and forgotten."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.ckks.ciphertext import decode_ciphertexts, encode_ciphertexts
from common.keys.evaluation_keys import decode_evaluation_keys
from common.keys.key_set import create_key_set
from common.keys.scores import ScoreReader
from common.plan.plan import Plan
from common.plan.predictions import check_memory
from edge.encryption import FrameCipher
from workers.evaluation.evaluator import PreparedPlan


class EncryptedModel:
    """Encrypts frames as a device does, evaluates them as a worker does, and decrypts their scores.

    Raises `PlanError` when the plan's weights are more than this machine's memory.
    """

    def __init__(self, plan: Plan) -> None:
        check_memory(plan)
        self._head = plan.head
        with tempfile.TemporaryDirectory(prefix="blindsight-") as folder:
            key_set = create_key_set(plan.head, Path(folder) / "keys")
            _, self._context = decode_evaluation_keys(key_set.evaluation_keys())
        self._cipher, self._reader = FrameCipher(plan.head, key_set, seeds=True), ScoreReader(plan.head, key_set)
        self._plan = PreparedPlan(plan)

    def scores(self, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The scores (n, labels) of frames (n, h, w, c), as many as share a ciphertext or fewer."""
        head = self._head
        burst = self._cipher.encrypt(frames).ciphertext
        inputs = decode_ciphertexts(
            self._context, burst, head.parameters.levels, head.input_scale, head.input_ciphertexts
        )
        reply = encode_ciphertexts(self._context, self._plan.evaluate(self._context, inputs))
        return self._reader.scores(reply)[: len(frames)]
