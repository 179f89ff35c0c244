"""How time, keys and memory grow with channels, depth and image size: python -m benchmarks.growth [--quick]

A family of networks around one: convolutions of 3×3, the first with stride 2, each with a square behind it,
then 32 units, a square, 10 scores. Weights are random, from a seed: a plan costs the same with others. Each
point is compiled and evaluated in a process of its own, one thread, and the compiler's prediction stands next
to it. A network that the compiler refuses is kept with the reason.
"""

import json
import multiprocessing
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.table import Table

from benchmarks.harness.figures import Figures
from benchmarks.harness.memory import peak_bytes
from benchmarks.harness.plots import draw
from benchmarks.harness.results import RESULTS
from benchmarks.networks.compared import LABELS, square
from blindsight.command_line.output import console
from common.errors import CapacityError
from common.plan.layers import Conv2d, Dense, Flatten, Layer
from common.plan.network import Network, run_layers
from compiler.labelled import LabelledFrames
from models.samples import load_samples

_HIDDEN = 32
_KERNEL = 3


@dataclass(frozen=True)
class Point:
    """One network of the family."""

    channels: int = 4
    convolutions: int = 1
    size: int = 28


@dataclass(frozen=True)
class Family:
    """What grows, and how to make the point for a value of it."""

    name: str
    values: tuple[int, ...]
    point: Callable[[int], Point]


FAMILIES = (
    Family("channels", (2, 4, 8, 16, 32, 64), lambda v: Point(channels=v)),
    Family("squares", (2, 3, 4), lambda v: Point(convolutions=v - 1)),
    Family("image size", (14, 28, 42, 56), lambda v: Point(size=v)),
)


def network(point: Point, values: NDArray[np.float64]) -> Network:
    """The network of a point, each linear layer scaled so that `values`, its inputs, leave it with unit size."""
    rng = np.random.default_rng(0)
    layers: list[Layer] = []

    def add(layer: Conv2d | Dense) -> None:
        factor = 1 / float(np.sqrt(np.mean(run_layers([*layers, layer], values) ** 2)))
        layers.append(msgspec.structs.replace(layer, weight=layer.weight * factor))

    channels = 1
    for index in range(point.convolutions):
        weight = rng.normal(size=(point.channels, channels, _KERNEL, _KERNEL))
        add(Conv2d(weight, np.zeros(point.channels), stride=1 if index else 2))
        layers.append(square(point.channels))
        channels = point.channels
    layers.append(Flatten())
    inputs = run_layers(layers, values).shape[1]
    add(Dense(rng.normal(size=(_HIDDEN, inputs)), np.zeros(_HIDDEN)))
    layers.append(square(_HIDDEN))
    add(Dense(rng.normal(size=(len(LABELS), _HIDDEN)), np.zeros(len(LABELS))))
    return Network("growth", (point.size, point.size, 1), LABELS, tuple(layers))


def frames(size: int) -> LabelledFrames:
    """The sample frames at another size."""
    samples = load_samples("digits")
    resized = [np.asarray(Image.fromarray(frame[..., 0]).resize((size, size))) for frame in samples.frames]
    return replace(samples, frames=np.array(resized)[..., None])


def measure(point: Point, count: int) -> Figures:
    """Compile and evaluate; runs in a process of its own, whose peak memory is the point's."""
    from benchmarks.peers.ours import describe
    from blindsight.measure.evaluation import evaluate_model
    from compiler.compile import compile_network

    samples = frames(point.size)
    values = np.moveaxis(samples.frames, 3, 1) / 255.0
    net = network(point, values)
    try:
        plan = compile_network(net, samples.frames)
    except CapacityError as error:
        return {"refused": str(error)}
    result = evaluate_model(net, plan, samples, count, lambda _: None)
    peak = peak_bytes()
    return {**describe(net, plan, samples), "ms": result.evaluate_ms["p50"], "memory_bytes": peak}


def main() -> None:
    """Measure every family, print it, and write growth.json and growth.svg."""
    quick = "--quick" in sys.argv[1:]
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # the processes below inherit it
    families = []
    table = Table("grows", "value", "ms", "predicted ms", "keys MB", "memory MB", "N")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for family in FAMILIES:
            points = []
            for value in family.values[:2] if quick else family.values:
                with console.status(f"{family.name} {value}"):
                    figures = pool.apply(measure, (family.point(value), 3 if quick else 15))
                points.append({"value": value, **figures})
                table.add_row(family.name, str(value), *_cells(figures))
            families.append({"name": family.name, "points": points})
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"families": families}, indent=1, ensure_ascii=False)
    (RESULTS / "growth.json").write_text(text + "\n", encoding="utf-8")
    console.print(table)
    draw("growth")


def _cells(figures: Figures) -> list[str]:
    if "refused" in figures:
        return ["refused", "", "", "", ""]
    return [
        f"{figures['ms']:.0f}",
        f"{figures['predicted_ms']:.0f}",
        f"{figures['key_bytes'] / 1e6:.1f}",
        f"{figures['memory_bytes'] / 1e6:.0f}",
        str(figures["ring_dimension"]),
    ]


if __name__ == "__main__":
    main()
