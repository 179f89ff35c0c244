"""A network in one configuration: what classifying and decrypting take, with encrypted and with plain weights.

Worker and key holder are processes of their own (`benchmarks.paper.roles`), one thread each. The two forms of
the weights take turns, frame by frame, so that the machine's noise hits both alike.
"""

import sys
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.contestant import Contestant
from benchmarks.harness.figures import Figures
from benchmarks.harness.yardstick import rotation_yardstick
from benchmarks.paper.roles import PLAN
from common.keys.key_set import create_key_set
from common.plan.network import Network
from common.plan.plan import Plan
from compiler.compile import compile_network
from compiler.labelled import LabelledFrames
from edge.encryption import FrameCipher
from models.layer_choice import WHOLE, find_layer
from models.samples import load_samples
from models.sealing import head_path, seal_plan


@dataclass(frozen=True)
class Case:
    """A network, from which layer on it is encrypted, and how strongly."""

    name: str
    network: Network
    encrypt_from: str = WHOLE
    security_bits: int = 128

    def compile(self, sealed: bool) -> Plan:
        """The case's plan, for encrypted weights or for plain ones."""
        first = find_layer(self.encrypt_from, self.network)
        frames = load_samples("digits").frames
        return compile_network(self.network, frames, self.security_bits, encrypt_from=first, sealed=sealed)


def measure(case: Case, data: LabelledFrames, count: int) -> Figures:
    """Run `count` frames from all over `data` with either form of the weights; accuracy in plain is on all."""
    chosen = np.linspace(0, len(data.frames) - 1, min(count, len(data.frames))).astype(int)
    frames = data.frames[chosen]
    with tempfile.TemporaryDirectory(prefix="blindsight-") as name:
        folders = {form: Path(name) / form for form in ("sealed", "plain")}
        facts = {form: _prepare(case.compile(form == "sealed"), frames, folder) for form, folder in folders.items()}
        evaluations, times = _take_turns(folders, len(frames))
        for form, folder in folders.items():
            facts[form] |= {"evaluation": evaluations[form], "decryption": _decrypt(folder, len(frames))}
            facts[form] |= _judge(_read_scores(folder), case.network.scores(frames), data.labels[chosen])
    return {
        "name": case.name,
        "security_bits": case.security_bits,
        "frames": len(frames),
        "plain_accuracy": float(np.mean(case.network.scores(data.frames).argmax(axis=1) == data.labels)),
        "sealed": facts["sealed"],
        "plain": facts["plain"],
        "ratio": median(sealed / plain for sealed, plain in zip(times["sealed"], times["plain"], strict=True)),
        "ms_in_rotations": median(
            ms / rotation for ms, rotation in zip(times["sealed"], times["rotation"], strict=True)
        ),
    }


def _prepare(plan: Plan, frames: NDArray[np.uint8], folder: Path) -> Figures:
    """Write what worker and key holder need, and tell its sizes."""
    (folder / "frames").mkdir(parents=True)
    key_set, file = create_key_set(plan.head, folder / "keys"), folder / PLAN
    head = plan.head
    if head.for_sealing:
        head = seal_plan(plan, key_set, file, lambda _: None)
    else:
        plan.save(file)
        plan.save_head(head_path(file))
    cipher = FrameCipher(head, key_set)
    for number, frame in enumerate(frames):
        (folder / "frames" / f"{number:06d}").write_bytes(cipher.encrypt(frame[None]).ciphertext)
    return {
        "ring_dimension": head.parameters.ring_dimension,
        "modulus_bits": head.parameters.modulus_bits,
        "rotations": plan.rotations,
        "score_error_bound": head.error_bound,
        "plan_bytes": file.stat().st_size,
        "key_bytes": (folder / "keys" / "evaluation.keys").stat().st_size,
        "uplink_bytes": (folder / "frames" / "000000").stat().st_size,
    }


def _take_turns(folders: dict[str, Path], count: int) -> tuple[dict[str, Figures], dict[str, list[float]]]:
    """Both workers' figures, and for each frame the ms of either, and of a `rotation` after it."""
    yardstick = rotation_yardstick()
    times: dict[str, list[float]] = {"rotation": [], **{form: [] for form in folders}}
    with ExitStack() as stack:
        workers = {form: stack.enter_context(_role("worker", folder)) for form, folder in folders.items()}
        for _ in range(count):
            for form, worker in workers.items():
                times[form] += worker.run(1)["ms"]
            times["rotation"].append(yardstick())
        return {form: _summarise(worker, times[form]) for form, worker in workers.items()}, times


def _decrypt(folder: Path, count: int) -> Figures:
    with _role("holder", folder) as holder:
        return _summarise(holder, holder.run(count)["ms"])


def _role(role: str, folder: Path) -> closing[Contestant]:
    return closing(Contestant(Path(sys.executable), "benchmarks.paper.roles", [role, folder]))


def _summarise(process: Contestant, times: list[float]) -> Figures:
    return {"ms": median(times), "peak_bytes": process.run(0)["peak_bytes"], **process.facts}


def _read_scores(folder: Path) -> NDArray[np.float64]:
    return np.array([np.frombuffer(file.read_bytes()) for file in sorted((folder / "scores").iterdir())])


def _judge(scores: NDArray[np.float64], plain: NDArray[np.float64], labels: NDArray[Any]) -> Figures:
    decided = scores.argmax(axis=1)
    return {
        "accuracy": float(np.mean(decided == labels)),
        "agreement": float(np.mean(decided == plain.argmax(axis=1))),
        "max_score_error": float(np.abs(scores - plain).max()),
    }
