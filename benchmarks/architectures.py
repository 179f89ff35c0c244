"""What networks as people know them cost next to `scenes`, a multiplication: python -m benchmarks.architectures

LeNet-5 for 28×28 (LeCun et al. 1998, with squares and mean pools), a network of three convolutions for CIFAR-10, and
`scenes`, in one run, one thread. Weights are random, from a seed: a plan costs the same with others. A *multiplication*
is one of a weight by a number, in plain: an entry of a stage's matrix that isn't zero, pools folded into it. Plans are
the dearer for each the fewer there are, since a ciphertext computes as long on few numbers as on thousands.
"""

import os
import time
from collections.abc import Iterator

import numpy as np
from rich.table import Table

from benchmarks.networks.compared import LABELS, square
from blindsight.command_line.output import console
from blindsight.measure.evaluation import evaluate_model
from common.plan.layers import AvgPool2d, Conv2d, Dense, Flatten, Layer
from common.plan.network import Network
from common.plan.plan import Plan
from compiler.compile import compile_network
from compiler.labelled import LabelledFrames
from compiler.stages import fold
from models.catalogue import load_network
from models.plans import get_plan
from models.samples import load_samples

#: Frames that are evaluated of each network.
_FRAMES = 5


def lenet() -> Network:
    """LeNet-5 with a square behind each mean pool and each hidden dense layer."""
    rng = np.random.default_rng(0)
    layers: tuple[Layer, ...] = (
        *(_convolution(rng, 6, 1, 5), AvgPool2d(2, 2), square(6)),
        *(_convolution(rng, 16, 6, 5), AvgPool2d(2, 2), square(16)),
        *(Flatten(), _dense(rng, 120, 256), square(120), _dense(rng, 84, 120), square(84), _dense(rng, 10, 84)),
    )
    return Network("lenet", (28, 28, 1), LABELS, layers)


def three_convolutions() -> Network:
    """16, 32 and 64 channels of 3×3 on CIFAR-10's frames, each with a square and a mean pool behind it."""
    rng = np.random.default_rng(0)
    layers: list[Layer] = []
    for channels, before in ((16, 3), (32, 16), (64, 32)):
        layers += [_convolution(rng, channels, before, 3, padding=1), square(channels), AvgPool2d(2, 2)]
    return Network("cifar", (32, 32, 3), LABELS, (*layers, Flatten(), _dense(rng, 10, 64 * 4 * 4)))


def multiplications(network: Network) -> int:
    """How often a weight is multiplied by a number."""
    return sum(matrix.nnz for stage in fold(network) for matrix in stage.matrices.values())


def _convolution(rng: np.random.Generator, out: int, channels: int, kernel: int, **options: int) -> Conv2d:
    weight = rng.normal(size=(out, channels, kernel, kernel)) / np.sqrt(channels * kernel**2)
    return Conv2d(weight, rng.normal(size=out) / 4, **options)


def _dense(rng: np.random.Generator, out: int, features: int) -> Dense:
    return Dense(rng.normal(size=(out, features)) / np.sqrt(features), rng.normal(size=out) / 4)


def _cases() -> Iterator[tuple[Network, Plan, LabelledFrames, float | None]]:
    """Each network with its plan, frames, and the seconds of the processor that compiling took."""
    scenes = load_samples("scenes")
    for network, samples in ((lenet(), load_samples("digits")), (three_convolutions(), scenes)):
        begin = time.process_time()
        plan = compile_network(network, samples.frames)
        yield network, plan, samples, time.process_time() - begin
    yield load_network("scenes"), get_plan("scenes", 128), scenes, None


def main() -> None:
    """Compile, evaluate and print; millions are of multiplications."""
    table = Table("network", "millions", "N", "levels", "rotations", "products", "compile s")
    for name in ("ms", "ms/million"):
        table.add_column(name, justify="right")
    for network, plan, samples, seconds in _cases():
        result = evaluate_model(network, plan, samples, _FRAMES, lambda _: None)
        millions, ms = multiplications(network) / 1e6, result.evaluate_ms["p50"]
        table.add_row(
            network.name,
            f"{millions:.2f}",
            f"{result.ring_dimension:,}",
            str(plan.head.parameters.levels),
            str(result.rotations),
            str(sum(len(stage.terms) for stage in plan.stages)),
            "" if seconds is None else f"{seconds:.0f}",
            f"{ms:.0f}",
            f"{ms / millions:.0f}",
        )
    console.print(table)


if __name__ == "__main__":
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    main()
