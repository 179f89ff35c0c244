"""A model's scores through real ciphertexts, in this process, with keys that are made and forgotten."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.engine_names import EngineName
from common.keys.key_set import create_key_set
from common.keys.scores import ScoreReader
from common.plan.plan import Plan
from common.plan.predictions import check_memory
from edge.encryption import FrameCipher
from workers.evaluation.engines import open_engine


class EncryptedModel:
    """Encrypts frames as a device does, evaluates them as a worker does, and decrypts their scores.

    Raises `PlanError` when the plan's weights are more than this machine's memory, and `ConfigurationError` where
    the engine that is asked for isn't installed.
    """

    def __init__(self, plan: Plan, engine: EngineName | None = None) -> None:
        check_memory(plan)
        evaluator = open_engine(engine)
        with tempfile.TemporaryDirectory(prefix="blindsight-") as folder:
            key_set = create_key_set(plan.head, Path(folder) / "keys")
            self._keys = evaluator.load_keys(key_set.evaluation_keys())
        self._cipher, self._reader = FrameCipher(plan.head, key_set, seeds=True), ScoreReader(plan.head, key_set)
        self._plan = evaluator.prepare(plan)

    def scores(self, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The scores (n, labels) of frames (n, h, w, c), as many as share a ciphertext or fewer."""
        burst = self._cipher.encrypt(frames).ciphertext
        return self._reader.scores(self._plan.evaluate(self._keys, burst))[: len(frames)]
