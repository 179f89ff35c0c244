"""Blindsight's rounds: the same frames on each path of the native engine and on Pyfhel, in time of the processor."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from common.keys.key_set import create_key_set
from common.keys.scores import ScoreReader
from common.plan.network import Network
from common.plan.plan import Plan
from compiler.labelled import LabelledFrames
from edge.encryption import FrameCipher
from workers.evaluation.engine import Engine
from workers.evaluation.engines import native_paths
from workers.evaluation.native.engine import NativeEngine
from workers.evaluation.pyfhel.engine import PyfhelEngine

#: Each burst is evaluated by the fastest engine, and one in so many by the others.
_OTHERS = 5


class EngineRounds:
    """Rounds over the frames in turn, as many together as the plan says, each burst from bytes to bytes.

    A plan has plain weights here. `rotation` measures the yardstick by a clock, in ms.
    """

    def __init__(
        self, network: Network, plan: Plan, samples: LabelledFrames, rotation: Callable[[Callable[[], float]], float]
    ) -> None:
        self._network, self._head, self._rotation, self._samples = network, plan.head, rotation, samples
        self._next = 0
        with tempfile.TemporaryDirectory(prefix="blindsight-") as folder:
            key_set = create_key_set(plan.head, Path(folder) / "keys")
            keys = key_set.evaluation_keys()
        self._cipher, self._reader = FrameCipher(plan.head, key_set, seeds=True), ScoreReader(plan.head, key_set)
        engines: list[Engine] = [*map(NativeEngine, native_paths()), PyfhelEngine()]
        self._engines = {
            list(engine.description.values())[-1]: (engine.prepare(plan), engine.load_keys(keys)) for engine in engines
        }
        for name in self._engines:  # the first evaluation takes memory
            self._evaluate(name, self._cipher.encrypt(self._take()).ciphertext)

    def __call__(self, frames: int) -> dict[str, object]:
        """Measure at least so many frames, in whole ciphertexts; times are a frame's share.

        `ms` is the fastest engine's, and `rotations_time` each one's in rotations'.
        """
        times: dict[str, list[float]] = {name: [] for name in self._engines}
        rotations: list[float] = []
        errors: list[float] = []
        agree: list[bool] = []
        together = self._head.frames_per_ciphertext
        for burst in range(-(-frames // together)):
            batch = self._take()
            encrypted = self._cipher.encrypt(batch).ciphertext
            expected = self._network.scores(batch)
            for name in list(self._engines) if burst % _OTHERS == 0 else list(self._engines)[:1]:
                started = time.thread_time()
                reply = self._evaluate(name, encrypted)
                times[name].append((time.thread_time() - started) * 1000 / together)
                scores = self._reader.scores(reply)[: len(batch)]
                errors.append(float(np.abs(scores - expected).max()))
                agree.extend(scores.argmax(axis=1) == expected.argmax(axis=1))
                rotations.append(self._rotation(time.thread_time))
        rotation_ms = median(rotations)
        return {
            "ms": median(next(iter(times.values()))),
            "rotation_ms": rotation_ms,
            "rotations_time": {name: median(each) / rotation_ms for name, each in times.items()},
            "max_score_error": max(errors),
            "agreement": float(np.mean(agree)),
        }

    def _take(self) -> NDArray[np.uint8]:
        """The next frames that share a ciphertext."""
        together, count = self._head.frames_per_ciphertext, len(self._samples.frames)
        order = np.arange(self._next, self._next + together) % count
        self._next += together
        return self._samples.frames[order]

    def _evaluate(self, engine: str, burst: bytes) -> bytes:
        prepared, keys = self._engines[engine]
        return prepared.evaluate(keys, burst, rounded=True)
