"""Blindsight's side of a comparison, as a contestant: python -m benchmarks.ours NETWORK

Runs what `blindsight model evaluate` runs: the evaluation is timed from the ciphertext's bytes to the
answer's bytes.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.contestant import serve
from benchmarks.networks import ARCHITECTURES, load
from blindsight.evaluation import evaluate_model
from common.compiler import compile_network
from common.fhe import Context
from common.network import Network
from common.parameters import Parameters
from common.plan import Plan
from models.catalogue import LabelledFrames, load_samples

_YARDSTICK = Parameters(128, 8192, (50, 50, 50, 50))


def set_up() -> tuple[dict[str, object], Callable[[int], dict[str, object]]]:
    """Compile, and evaluate one frame, which tells the sizes."""
    network, samples, yardstick = load(ARCHITECTURES[sys.argv[1]]), load_samples("digits"), rotation_yardstick()
    plan = compile_network(network, samples.frames)
    taken = 0

    def run(frames: int) -> dict[str, object]:
        nonlocal taken
        order = np.arange(taken, taken + frames) % len(samples.frames)
        taken += frames
        rotations: list[float] = []
        result = evaluate_model(network, plan, _select(samples, order), frames, lambda: rotations.append(yardstick()))
        return {
            "ms": result.evaluate_ms["p50"],
            "rotation_ms": float(np.median(rotations)),
            "max_score_error": result.max_score_error,
            "agreement": result.agreement,
        }

    return describe(network, plan, samples), run


def describe(network: Network, plan: Plan, samples: LabelledFrames) -> dict[str, object]:
    """Parameters, sizes and what the compiler predicts."""
    result = evaluate_model(network, plan, samples, 1, lambda: None)
    return {
        "version": version("blindsight"),
        "ring_dimension": result.ring_dimension,
        "modulus_bits": result.modulus_bits,
        "prime_bits": list(plan.head.parameters.prime_bits),
        "key_bytes": result.key_bytes,
        "uplink_bytes": result.uplink_bytes,
        "downlink_bytes": result.downlink_bytes,
        "predicted_ms": predicted_ms(plan),
        "score_error_bound": result.score_error_bound,
        "rotations": result.rotations,
    }


def predicted_ms(plan: Plan) -> float:
    """What `blindsight model show` says of a plan."""
    with tempfile.TemporaryDirectory(prefix="blindsight-") as folder:
        file = Path(folder) / "network.plan"
        plan.save(file)
        command = [sys.executable, "-m", "blindsight", "model", "show", str(file), "--json"]
        facts = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return float(facts["predicted_ms"])


def rotation_yardstick() -> Callable[[], float]:
    """Measures one rotation at N = 8192 with 3 data primes, in ms: the machine's speed between two frames."""
    context = Context(_YARDSTICK)
    context.generate_keys([1])
    ciphertext = context.encrypt(np.random.default_rng(0).random(_YARDSTICK.slots), 2.0**24)

    def measure() -> float:
        started = time.perf_counter()
        context.rotate(ciphertext, 1)
        return (time.perf_counter() - started) * 1000

    return measure


def _select(samples: LabelledFrames, order: np.ndarray) -> LabelledFrames:
    names = [samples.names[index] for index in order]
    return replace(samples, frames=samples.frames[order], labels=samples.labels[order], names=names)


if __name__ == "__main__":
    serve(set_up)
