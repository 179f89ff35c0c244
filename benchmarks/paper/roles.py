"""A worker or a key holder in a process of its own, as a contestant.

python -m benchmarks.paper.roles worker|holder FOLDER

FOLDER is what `benchmarks.paper.classification` prepares. The worker evaluates the wire forms in `frames` and writes
`replies`; the key holder decrypts these and writes `scores`. Times are from bytes to bytes, or to scores. Each
imports only what its role needs, once it has told its memory, so that its memory is its own.
"""

import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from benchmarks.harness.contestant import serve
from benchmarks.harness.memory import peak_bytes, resident_bytes

PLAN = "model.plan"
Work = Callable[[bytes], bytes]


def worker(folder: Path) -> Work:
    """A worker's process: the plan, with plain or encrypted weights, and the evaluation keys."""
    from common.plan.sealed import load_served
    from workers.evaluation.engines import open_engine

    engine = open_engine()
    prepared = engine.prepare(load_served(folder / PLAN))
    keys = engine.load_keys((folder / "keys" / "evaluation.keys").read_bytes())
    return lambda frame: prepared.evaluate(keys, frame)


def holder(folder: Path) -> Work:
    """The key holder's process: the plan's head and the key set."""
    from common.keys.key_set import load_key_set
    from common.keys.scores import ScoreReader
    from common.plan.plan_file import load_head

    reader = ScoreReader(load_head(folder / f"{PLAN}.head"), load_key_set(folder / "keys"))
    return lambda reply: reader.scores(reply)[0].tobytes()


ROLES = {"worker": (worker, "frames", "replies"), "holder": (holder, "replies", "scores")}


def set_up() -> tuple[dict[str, object], Callable[[int], dict[str, object]]]:
    """Load what the role needs. Each round takes the next so many files, and tells the ms of each and the peak."""
    start, read, written = ROLES[sys.argv[1]]
    folder = Path(sys.argv[2])
    idle = _idle_bytes()
    work = start(folder)
    files = iter(sorted((folder / read).iterdir()))
    (folder / written).mkdir()

    def run(count: int) -> dict[str, object]:
        times = []
        for file in islice(files, count):
            data = file.read_bytes()
            started = time.perf_counter()
            result = work(data)
            times.append((time.perf_counter() - started) * 1000)
            (folder / written / file.name).write_bytes(result)
        return {"ms": times, "peak_bytes": peak_bytes()}

    return {"idle_bytes": idle}, run


def _idle_bytes() -> int:
    """Memory with Python, NumPy and Pyfhel loaded, and nothing done."""
    import common.ckks.fhe  # noqa: F401

    return resident_bytes()


if __name__ == "__main__":
    serve(set_up)
