"""Blindsight's side of a comparison, as a contestant: python -m benchmarks.peers.ours NETWORK FRAMES_PER_CIPHERTEXT

The evaluation is timed from the ciphertext's bytes to the answer's bytes, on each engine
(`benchmarks.peers.our_rounds`).
"""

import sys
from dataclasses import replace

import numpy as np

from benchmarks.harness.contestant import serve
from benchmarks.harness.yardstick import rotation_yardstick
from benchmarks.networks.compared import ARCHITECTURES, load
from benchmarks.peers.our_rounds import EngineRounds
from blindsight.measure.evaluation import evaluate_model
from common.installed import blindsight_version
from common.plan.network import Network
from common.plan.plan import Plan
from compiler.compile import compile_network
from compiler.labelled import LabelledFrames
from models.samples import load_samples


def set_up() -> tuple[dict[str, object], EngineRounds]:
    """Compile, and evaluate one ciphertext, which tells the sizes."""
    network, samples = load(ARCHITECTURES[sys.argv[1]]), load_samples("digits")
    together = int(sys.argv[2])
    plan = compile_network(network, samples.frames, frames_per_ciphertext=together)
    facts = describe(network, plan, _select(samples, np.arange(together) % len(samples.frames)))
    return facts, EngineRounds(network, plan, samples, rotation_yardstick())


def describe(network: Network, plan: Plan, samples: LabelledFrames) -> dict[str, object]:
    """Parameters, what the compiler predicts, and sizes; bytes up and down and times are for one frame."""
    together = plan.head.frames_per_ciphertext
    result = evaluate_model(network, plan, samples, together, lambda _: None)
    return {
        "version": blindsight_version(),
        "ring_dimension": result.ring_dimension,
        "modulus_bits": result.modulus_bits,
        "prime_bits": list(plan.head.parameters.prime_bits),
        "key_bytes": result.key_bytes,
        "frames_per_ciphertext": together,
        "uplink_bytes": result.uplink_bytes / together,
        "downlink_bytes": result.downlink_bytes / together,
        "predicted_ms": result.predicted_ms / together,
        "score_error_bound": result.score_error_bound,
        "rotations": result.rotations,
    }


def _select(samples: LabelledFrames, order: np.ndarray) -> LabelledFrames:
    names = [samples.names[index] for index in order]
    return replace(samples, frames=samples.frames[order], labels=samples.labels[order], names=names)


if __name__ == "__main__":
    serve(set_up)
