"""What the programs of both peers share: the weights, the frames, and one round's measurement."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def read(path: Path) -> Arrays:
    """All arrays of an npz file, in float64."""
    with np.load(path) as file:
        return {name: file[name].astype(np.float64) for name in file.files}


class Rounds:
    """Rounds over the frames in turn, each frame encrypted, evaluated and decrypted alone.

    Only the evaluation is timed: no reading of ciphertexts from bytes, no writing. It is time of the processor, of all
    threads, which other programs hardly change.
    """

    def __init__(
        self,
        data: Arrays,
        encrypt: Callable[[NDArray[Any]], Any],
        evaluate: Callable[[Any], Any],
        decrypt: Callable[[Any], NDArray[Any]],
    ) -> None:
        self._data, self._next = data, 0
        self._encrypt, self._evaluate, self._decrypt = encrypt, evaluate, decrypt

    def __call__(self, frames: int) -> dict[str, object]:
        """Measure the next frames; `cores` is that over wall time, 1 for one thread undisturbed."""
        times, cores, errors, agree = [], [], [], []
        for _ in range(frames):
            index = self._next % len(self._data["frames"])
            self._next += 1
            encrypted = self._encrypt(self._data["frames"][index])
            started, used = time.perf_counter(), time.process_time()
            result = self._evaluate(encrypted)
            wall, cpu = time.perf_counter() - started, time.process_time() - used
            scores, expected = self._decrypt(result), self._data["scores"][index]
            times.append(cpu * 1000)
            cores.append(cpu / wall)
            errors.append(float(np.abs(scores - expected).max()))
            agree.append(bool(scores.argmax() == expected.argmax()))
        return {
            "ms": float(np.median(times)),
            "cores": max(cores),
            "max_score_error": max(errors),
            "agreement": float(np.mean(agree)),
        }
