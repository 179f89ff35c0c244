"""The recipe of `meter`: the network of `digits` with two more labels, on rendered crops and handwritten digits.

Its frames come out of `common.pictures.normalise`, so they are strokes of about the same size in the middle. What is
right about a crop is a share of each label (`models.rendering.crops.truth`), so that softmax(scores) says how likely
each is; a temperature, fitted on fonts that training hasn't seen, makes that so for other fonts, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError
from common.plan.layers import Dense
from common.plan.network import Network
from models.rendering.crops import LABELS, render_crops
from models.rendering.fonts import FontBook, family_of
from models.training import digits
from models.training.digits import DigitsModel, DigitsRecipe
from models.training.trainer import Progress, check, train_model

#: Passes over the training frames.
DEFAULT_EPOCHS = 40
#: Height, width and channels of a frame.
FRAME_SHAPE = digits.FRAME_SHAPE
#: Crops that are rendered for training where no other number is asked for.
DEFAULT_CROPS = 400_000

#: Crops rendered from fonts that are held out, on which the temperature is fitted.
_HELD_CROPS = 10_000
#: One font family in so many is held out.
_HELD_OUT = 10
#: Crops that are rendered at a time.
_BATCH = 1_000
#: Temperatures that are tried.
_TEMPERATURES = np.geomspace(0.5, 3, 60)

Shares = NDArray[np.float32]


@dataclass(frozen=True)
class MeterRecipe(DigitsRecipe):
    """Hyper-parameters, chosen on crops of fonts that were held out, never on the test fonts.

    No label smoothing: it would make scores less sure than they may be.
    """

    learning_rate: float = 3e-3
    label_smoothing: float = 0.0
    rise: float = 0.2
    rotation: float = 0.1
    scaling: float = 0.08
    shear: float = 0.1
    shift: float = 1.2


RECIPE = MeterRecipe()


def train_meter(
    book: FontBook,
    frames: NDArray[np.uint8] | None = None,
    labels: NDArray[Any] | None = None,
    *,
    crops: int = DEFAULT_CROPS,
    epochs: int = DEFAULT_EPOCHS,
    seed: int = 0,
    rendered: Callable[[int], None] = lambda _: None,
    progress: Progress | None = None,
    recipe: MeterRecipe = RECIPE,
) -> Network:
    """Train the meter network on so many crops rendered from fonts, and on frames (n, 28, 28) of digits, if given.

    Such frames are handwritten digits as in MNIST, with labels (n,) from 0 to 9. `rendered` is called with the number
    of crops that are rendered. The same fonts, frames, seed and machine give the same weights.

    Raises `ConfigurationError` when PyTorch isn't installed or there are no epochs or too few fonts, and `FrameError`
    when frames or labels don't fit.
    """
    known, held = held_out(book)
    trained = [render(known, crops, seed, rendered)]
    calibration = render(held, max(_HELD_CROPS * crops // DEFAULT_CROPS, 1), seed + 1, lambda _: None)
    if frames is not None and labels is not None:
        trained.append((check(frames, labels, FRAME_SHAPE, 10), np.eye(len(LABELS), dtype=np.float32)[labels]))
    inputs, shares = (np.concatenate(parts) for parts in zip(*trained, strict=True))
    return train_on(inputs, shares, calibration, epochs=epochs, seed=seed, progress=progress, recipe=recipe)


def train_on(
    frames: NDArray[np.uint8],
    shares: Shares,
    calibration: tuple[NDArray[np.uint8], Shares],
    *,
    epochs: int,
    seed: int,
    progress: Progress | None,
    recipe: MeterRecipe = RECIPE,
) -> Network:
    """Train on frames (n, 28, 28, 1) and how right each label is for each, (n, 12); calibrate on others such."""
    build = partial(DigitsModel, activation="learned", recipe=recipe, labels=LABELS)
    network = train_model(build, recipe, frames, shares, epochs=epochs, seed=seed, progress=progress)
    return calibrated(msgspec.structs.replace(network, name="meter"), *calibration)


def held_out(book: FontBook) -> tuple[FontBook, FontBook]:
    """Fonts to train on, and fonts of other families. Raises `ConfigurationError` for fonts of one family."""
    families = sorted({family_of(font) for font in book.fonts})
    held = set(families[_HELD_OUT // 2 :: _HELD_OUT] or families[-1:])
    parts: tuple[list[Path], list[Path]] = ([], [])
    for font in book.fonts:
        parts[family_of(font) in held].append(font)
    if not parts[0]:
        raise ConfigurationError("fonts are all of one family; give fonts of several, on some of which it is tested")
    return FontBook(parts[0]), FontBook(parts[1])


def render(book: FontBook, count: int, seed: int, rendered: Callable[[int], None]) -> tuple[NDArray[np.uint8], Shares]:
    """So many crops and what is true of them; `rendered` is called with how many there are."""
    rng = np.random.default_rng(seed)
    parts = []
    for done in range(0, count, _BATCH):
        parts.append(render_crops(rng, book, min(_BATCH, count - done)))
        rendered(min(done + _BATCH, count))
    frames, shares = (np.concatenate(each) for each in zip(*parts, strict=True))
    return frames, shares


def calibrated(network: Network, frames: NDArray[np.uint8], shares: Shares) -> Network:
    """The network whose scores are divided by the temperature that makes them likeliest on frames and shares.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017. Labels stay as they are.
    """
    scores = np.concatenate([network.scores(part) for part in np.array_split(frames, -(-len(frames) // _BATCH))])

    def loss(temperature: float) -> float:
        logits = scores / temperature
        logits -= logits.max(axis=1, keepdims=True)
        return float(-(shares * (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))).sum(axis=1).mean())

    best = min(_TEMPERATURES, key=loss)
    last = network.layers[-1]
    assert isinstance(last, Dense)
    scaled = (np.asarray(each, np.float64) / best for each in (last.weight, last.bias))
    return msgspec.structs.replace(network, layers=(*network.layers[:-1], Dense(*scaled)))
