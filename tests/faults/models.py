"""Small networks for the fault suite: what matters is that a label is right, not what it says."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from common.keys.scores import leads
from common.plan.layers import Dense, Flatten, Layer, Polynomial
from common.plan.network import Network
from common.plan.plan import Plan
from compiler.compile import compile_network

_SIDE, _LABELS, _HIDDEN = 8, 10, 8
_PICTURES = 40


@dataclass(frozen=True)
class Model:
    """A plan, and pictures whose labels the plain network finds by a clear lead."""

    plan: Plan
    frames: np.ndarray
    labels: tuple[str, ...]

    def label(self, source: str) -> str:
        """The label, by the plain network, of a file that `write_pictures` wrote."""
        return self.labels[int(Path(source).stem) % len(self.labels)]

    def write_pictures(self, folder: Path, number: int = 0) -> None:
        """So many pictures as files, again from the first after the last; by default each once."""
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(number or len(self.frames)):
            frame = self.frames[index % len(self.frames)]
            Image.fromarray(np.squeeze(frame)).save(folder / f"{index:05d}.png")


@cache
def small_model(frames_per_ciphertext: int = 1, hidden: bool = True, seed: int = 1) -> Model:
    """A random network on 8×8 grey frames: one dense layer, or two with a square between them.

    Labels are those of its plain forward pass, on the frames of clearest lead; every label occurs.
    """
    rng = np.random.default_rng(seed)
    network = Network(f"blocks-{seed}", (_SIDE, _SIDE, 1), tuple(map(str, range(_LABELS))), _layers(rng, hidden))
    frames = rng.integers(0, 256, size=(4000, _SIDE, _SIDE, 1), dtype=np.uint8)
    scores = network.scores(frames)
    best = [np.flatnonzero(scores.argmax(axis=1) == label) for label in range(_LABELS)]
    lead = leads(scores)
    chosen = np.concatenate([one[np.argsort(lead[one])[::-1][: _PICTURES // _LABELS]] for one in best])
    rng.shuffle(chosen)
    assert len(set(scores[chosen].argmax(axis=1))) > _LABELS // 2
    plan = compile_network(network, frames[chosen], frames_per_ciphertext=frames_per_ciphertext)
    return Model(plan, frames[chosen], tuple(network.labels[index] for index in scores[chosen].argmax(axis=1)))


def _layers(rng: np.random.Generator, hidden: bool) -> tuple[Layer, ...]:
    pixels = _SIDE * _SIDE
    if not hidden:
        return Flatten(), _centred(rng, _LABELS, pixels)
    ones, zeros = np.ones(_HIDDEN), np.zeros(_HIDDEN)
    square = Polynomial(ones, zeros, zeros)
    return (
        Flatten(),
        _centred(rng, _HIDDEN, pixels),
        square,
        Dense(rng.normal(size=(_LABELS, _HIDDEN)), np.zeros(_LABELS)),
    )


def _centred(rng: np.random.Generator, width: int, features: int) -> Dense:
    """A dense layer whose outputs have mean 0 and variance 1 on frames of random pixels."""
    weight = rng.normal(size=(width, features)) * np.sqrt(12 / features)  # 1 / 12: the variance of a random pixel
    return Dense(weight, -weight.sum(axis=1) / 2)
