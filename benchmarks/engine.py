"""The engines against each other, one thread: python -m benchmarks.engine [CASE ...]

For each shipped plan, and for digits with encrypted weights: the time of an evaluation, from bytes to bytes, on Pyfhel
and on each path of the native engine, as a ratio to Pyfhel's and in rotations of SEAL's at N = 8192 with 3 data primes,
which are measured between the evaluations; and the time of loading a key set. All of it is time of the processor, which
a busy machine hardly changes.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import blindsight_engine
import numpy as np
from rich.table import Table

from benchmarks.harness.yardstick import rotation_yardstick
from blindsight.command_line.output import console
from common.keys.key_set import KeySet, create_key_set
from common.keys.scores import ScoreReader
from common.plan.plan import Plan
from common.plan.sealed import SealedPlan, load_served, structure_of
from edge.encryption import FrameCipher
from models.catalogue import load_network
from models.plans import get_plan
from models.samples import load_samples
from models.sealing import seal_plan
from workers.evaluation.engine import Engine
from workers.evaluation.native.engine import NativeEngine
from workers.evaluation.pyfhel.engine import PyfhelEngine

#: Seconds of evaluations for each engine, and the least number of them.
_SECONDS, _LEAST = 4.0, 3
#: Times that a key set is loaded.
_LOADS = 3


@dataclass(frozen=True)
class Case:
    """A model's plan, and whether its weights are encrypted."""

    model: str
    frames_per_ciphertext: int = 1
    sealed: bool = False


CASES = {
    "digits": Case("digits"),
    "digits-sealed": Case("digits", sealed=True),
    "meter-k8": Case("meter", 8),
    "scenes": Case("scenes"),
}


@dataclass(frozen=True)
class Measured:
    """Times in ms of the processor, and the largest error of a score."""

    evaluate: float
    in_rotations: float
    load_keys: float
    max_score_error: float


def measure_case(case: Case) -> dict[str, Measured]:
    """Each engine's figures, Pyfhel's first."""
    plan = get_plan(case.model, 128, case.frames_per_ciphertext, sealed=case.sealed)
    engines: list[Engine] = [PyfhelEngine(), *(NativeEngine(path) for path in blindsight_engine.paths())]
    with tempfile.TemporaryDirectory() as folder:
        key_set = create_key_set(plan.head, Path(folder) / "keys")
        served = _served(plan, key_set, Path(folder) / "model.plan")
        return {" ".join(engine.description.values()): _measure(engine, served, key_set, case) for engine in engines}


def _served(plan: Plan, key_set: KeySet, file: Path) -> Plan | SealedPlan:
    if not plan.head.for_sealing:
        return plan
    seal_plan(plan, key_set, file, lambda _: None)
    return load_served(file)


def _measure(engine: Engine, served: Plan | SealedPlan, key_set: KeySet, case: Case) -> Measured:
    data, head = key_set.evaluation_keys(), structure_of(served).head
    load_keys = median(_ms(lambda: engine.load_keys(data)) for _ in range(_LOADS))
    keys, prepared, yardstick = engine.load_keys(data), engine.prepare(served), rotation_yardstick()
    frames = load_samples(case.model).frames[: case.frames_per_ciphertext]
    burst = FrameCipher(head, key_set).encrypt(frames).ciphertext
    reply = prepared.evaluate(keys, burst)  # of a sealed plan, this reads the weights
    error = np.abs(ScoreReader(head, key_set).scores(reply)[: len(frames)] - load_network(case.model).scores(frames))
    times: list[float] = []
    rotations: list[float] = []
    while sum(times) < _SECONDS * 1000 or len(times) < _LEAST:
        times.append(_ms(lambda: prepared.evaluate(keys, burst)))
        rotations.append(yardstick(time.thread_time))
    return Measured(median(times), median(times) / median(rotations), load_keys, float(error.max()))


def _ms(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return (time.thread_time() - started) * 1000


def main() -> None:
    """Measure the cases that are named, or all, and print them."""
    table = Table("plan", "engine", "ms", "rotations' time", "of Pyfhel's", "keys, ms", "largest error of a score")
    for name in sys.argv[1:] or CASES:
        with console.status(f"measuring {name}"):
            figures = measure_case(CASES[name])
        reference = figures["pyfhel"]
        for engine, measured in figures.items():
            share = measured.in_rotations / reference.in_rotations
            table.add_row(
                name,
                engine,
                f"{measured.evaluate:,.1f}",
                f"{measured.in_rotations:,.1f}",
                f"{share:.3f} (1/{1 / share:.1f})",
                f"{measured.load_keys:,.0f}",
                f"{measured.max_score_error:.2g}",
            )
    console.print(table)


if __name__ == "__main__":
    main()
