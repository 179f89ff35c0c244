"""Memory of a worker process that has met ten devices' key sets, in MB.

python -m benchmarks.worker_memory

Runs what a worker's pool process runs, in a process of its own: the Celery application's
imports, the prepared plan, and the key cache with its default budget.
"""

import json
import multiprocessing
import resource
import tempfile
from pathlib import Path

import numpy as np

import workers.app  # noqa: F401  # what a worker has imported counts
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.keys.key_set import create_key_set, load_header
from edge.encryption import FrameCipher
from models.plans import get_plan
from workers.evaluation.engines import open_engine
from workers.key_cache import KeyCache
from workers.settings import WorkerSettings

_DEVICES = 10


def measure() -> dict[str, float]:
    """Resident memory now and at its peak, after a frame from each of ten devices."""
    plan = get_plan("digits", 128)
    with tempfile.TemporaryDirectory(prefix="blindsight-") as name:
        folder = Path(name)
        devices = multiprocessing.get_context("spawn").Process(target=_act_as_devices, args=(folder,))
        devices.start()
        devices.join()
        engine = open_engine()
        prepared = engine.prepare(plan)
        cache = KeyCache(WorkerSettings.model_fields["key_cache_mb"].default * 1_000_000, engine)
        for device in range(_DEVICES):
            keys = cache.get(_KeyFile(folder / str(device)), plan.head)
            assert keys is not None
            prepared.evaluate(keys, (folder / str(device) / "frame").read_bytes())
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "key_sets_met": _DEVICES,
        "key_sets_cached": len(cache),
        "resident_mb": round(pages * resource.getpagesize() / 1e6, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, 1),
    }


class _KeyFile:
    """A key set's evaluation keys from its folder instead of Redis."""

    digest = None

    def __init__(self, folder: Path) -> None:
        self.name, self._folder = (folder.name, ""), folder

    def header(self) -> EvaluationKeysHeader:
        return load_header(self._folder)

    def read(self) -> bytes:
        return (self._folder / "evaluation.keys").read_bytes()


def _act_as_devices(folder: Path) -> None:
    """Make the key sets and a frame of each, away from the process that is measured."""
    head = get_plan("digits", 128).head
    for device in range(_DEVICES):
        cipher = FrameCipher(head, create_key_set(head, folder / str(device)))
        frame = np.zeros(head.frame_shape, dtype=np.uint8)
        (folder / str(device) / "frame").write_bytes(cipher.encrypt(frame[None]).ciphertext)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
