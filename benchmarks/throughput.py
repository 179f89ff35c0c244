"""Frames a second of two at once, next to one alone: python -m benchmarks.throughput [MODEL]

Two processes as a worker has them, which share the plan that their parent prepared; and two threads of one process,
which evaluate at once since the engine releases Python's lock. Rounds alternate, and the medians of their ratios are
shown, so that a change of the machine's clock falls on both. It needs two idle cores: others' work shows in the ratios.
"""

import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from rich.table import Table

from blindsight.command_line.output import console
from common.keys.key_set import create_key_set
from edge.encryption import FrameCipher
from models.plans import get_plan
from workers.evaluation.engines import open_engine

#: Seconds of evaluations in a round, and the number of rounds.
_SECONDS, _ROUNDS = 4.0, 5


def measure(model: str) -> dict[str, tuple[float, float]]:
    """For `processes` and `threads`: frames a second of one alone, and the ratio of two at once to it."""
    plan, engine = get_plan(model, 128), open_engine("native")
    with tempfile.TemporaryDirectory(prefix="blindsight-") as name:
        key_set = create_key_set(plan.head, Path(name, "keys"))
        keys, prepared = engine.load_keys(key_set.evaluation_keys()), engine.prepare(plan)
        frame = np.zeros(plan.head.frame_shape, dtype=np.uint8)
        burst = FrameCipher(plan.head, key_set).encrypt(frame[None]).ciphertext

    def evaluate(count: "multiprocessing.sharedctypes.Synchronized[int]", end: float) -> None:
        while time.monotonic() < end:
            prepared.evaluate(keys, burst)
            with count:
                count.value += 1

    fork = multiprocessing.get_context("fork")
    evaluate(fork.Value("i"), time.monotonic() + 1)  # once, so that memory has been touched
    return {
        "processes": _compare(lambda count, end: fork.Process(target=evaluate, args=(count, end))),
        "threads": _compare(lambda count, end: threading.Thread(target=evaluate, args=(count, end))),
    }


def _compare(runner: Callable[..., "multiprocessing.process.BaseProcess | threading.Thread"]) -> tuple[float, float]:
    def rate(number: int) -> float:
        count, begin = multiprocessing.Value("i"), time.monotonic()
        running = [runner(count, begin + _SECONDS) for _ in range(number)]
        for each in running:
            each.start()
        for each in running:
            each.join()
        return float(count.value / (time.monotonic() - begin))

    rounds = [(rate(1), rate(2)) for _ in range(_ROUNDS)]
    return median(one for one, _ in rounds), median(two / one for one, two in rounds)


def main() -> None:
    """Print the rates and ratios."""
    model = sys.argv[1] if len(sys.argv) > 1 else "digits"
    table = Table("two of", f"{model}, one alone", "two at once")
    with console.status("evaluating encrypted frames"):
        results = measure(model)
    for name, (rate, ratio) in results.items():
        table.add_row(name, f"{rate:,.1f} frames/s", f"{ratio:.2f} times that")
    console.print(table)


if __name__ == "__main__":
    main()
