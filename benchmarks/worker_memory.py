"""Memory of a worker machine with four processes, in MB: python -m benchmarks.worker_memory [--json]

Runs what a worker runs: the parent imports the Celery application and prepares the plan, and its processes are forked
from it; each takes a frame from every device, and so its key set. `digits` is measured with ten key sets, `scenes`
with one. Connections aren't made. What several processes share counts once: the figures are sums of the kernel's
proportional set sizes (PSS), the parent's included.
"""

import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from rich.table import Table

import blindsight.commands.worker  # noqa: F401  # what a worker has imported counts, and no more
import workers.app  # noqa: F401
from benchmarks.harness.memory import shared_bytes
from blindsight.command_line.output import console
from common.keys.evaluation_keys import MAX_HEAD_BYTES, EvaluationKeysHeader, read_head
from models.catalogue import plan_path
from workers.evaluation.burst_evaluation import BurstEvaluator
from workers.preparation import Evaluation, prepare, prepare_to_fork, with_engine
from workers.processor import key_cache
from workers.settings import WorkerSettings

_PROCESSES = 4


@dataclass(frozen=True)
class Measured:
    """A machine once each process has answered every device, and the time of the processor that a key set took, in ms.

    `first_key_ms` is that of the first process, which takes a key set to pieces; `next_key_ms` that of the others.
    """

    model: str
    key_sets: int
    processes: int
    machine_mb: float
    first_key_ms: float
    next_key_ms: float


def measure(model: str, key_sets: int) -> Measured:
    """A machine that serves a shipped model at 128 bits."""
    with tempfile.TemporaryDirectory(prefix="blindsight-") as name:
        folder = Path(name)
        devices = multiprocessing.get_context("spawn").Process(target=_act_as_devices, args=(model, key_sets, folder))
        devices.start()
        devices.join()
        settings = WorkerSettings(
            plans=[plan_path(model, 128)], concurrency=_PROCESSES, key_folder=folder / "keys", redis_url="redis://none"
        )
        parent = multiprocessing.get_context("spawn").Process(target=_act_as_parent, args=(settings, folder))
        parent.start()
        parent.join()
        machine, first, *others = json.loads((folder / "measured").read_text())
    return Measured(
        model, key_sets, _PROCESSES, round(machine / 1e6, 1), round(first, 1), round(sum(others) / len(others), 1)
    )


def _act_as_parent(settings: WorkerSettings, folder: Path) -> None:
    settings = with_engine(settings)
    evaluation = prepare_to_fork(settings)
    processes, key_ms = [], []
    for _ in range(settings.concurrency):  # one after the other, so that the first one makes the files
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(
            target=_act_as_process, args=(settings, evaluation, folder, theirs), daemon=True
        )
        process.start()
        processes.append(process)
        key_ms.append(ours.recv())
    pids = [os.getpid(), *(process.pid for process in processes if process.pid)]
    (folder / "measured").write_text(json.dumps([sum(map(shared_bytes, pids)), *key_ms]))
    for process in processes:
        process.terminate()


def _act_as_process(settings: WorkerSettings, shared: Evaluation | None, folder: Path, parent: Connection) -> None:
    evaluation = shared or prepare(settings)
    (plan,) = evaluation.plans.values()
    evaluator = BurstEvaluator(evaluation.plans, key_cache(settings, evaluation.engine))
    devices = [_KeyFile(device) for device in sorted((folder / "devices").iterdir())]
    key_ms = 0.0
    for device in devices:
        begin = time.process_time()
        keys = evaluator.keys(plan, device)
        key_ms += (time.process_time() - begin) * 1000
        evaluator.evaluate(plan, keys, (device.folder / "frame").read_bytes())
    parent.send(key_ms / len(devices))
    time.sleep(600)  # until the parent has measured


class _KeyFile:
    """A key set's evaluation keys from its folder instead of Redis."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name, self._path = folder, (folder.name, ""), folder / "evaluation.keys"
        self.digest: bytes | None = hashlib.sha256(folder.name.encode()).hexdigest().encode()

    def header(self) -> EvaluationKeysHeader:
        with self._path.open("rb") as file:
            return read_head(file.read(MAX_HEAD_BYTES))[0]

    def read(self) -> bytes:
        return self._path.read_bytes()

    def drop(self) -> None:
        """They are whole."""


def _act_as_devices(model: str, key_sets: int, folder: Path) -> None:
    """Make the key sets and a frame of each, away from the processes that are measured, and with their own imports."""
    from common.keys.key_set import create_key_set
    from edge.encryption import FrameCipher
    from models.plans import get_plan

    head = get_plan(model, 128).head
    for number in range(key_sets):
        device = folder / "devices" / f"{number:02}"
        cipher = FrameCipher(head, create_key_set(head, device))
        frame = np.zeros(head.frame_shape, dtype=np.uint8)
        (device / "frame").write_bytes(cipher.encrypt(frame[None]).ciphertext)


def main() -> None:
    """Print the figures of both models."""
    with console.status("measuring a worker machine's memory"):
        results = [measure("digits", 10), measure("scenes", 1)]
    if "--json" in sys.argv[1:]:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return
    table = Table("model", "key sets", "processes", "together", "key set, first", "key set, then")
    for each in results:
        table.add_row(
            each.model,
            str(each.key_sets),
            str(each.processes),
            f"{each.machine_mb:,.0f} MB",
            f"{each.first_key_ms:,.1f} ms",
            f"{each.next_key_ms:,.1f} ms",
        )
    console.print(table)


if __name__ == "__main__":
    main()
