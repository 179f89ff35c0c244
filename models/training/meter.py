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
from models.training.digits import CROP, DigitsModel, DigitsRecipe
from models.training.trainable import Progress
from models.training.trainer import check, train_model

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
#: Places of a side by which a warp is given.
_WARPED = 4
#: Crops that are rendered at a time.
_BATCH = 1_000
#: Temperatures that are tried.
_TEMPERATURES = np.geomspace(0.5, 3, 60)

Shares = NDArray[np.float32]


@dataclass(frozen=True)
class MeterRecipe(DigitsRecipe):
    """Hyper-parameters, chosen on crops of fonts that were held out, never on the test fonts.

    There, weaker changes of frames made scores too sure: the training fonts were learned by heart. No label smoothing:
    it would make scores less sure than they may be.
    """

    learning_rate: float = 2.5e-3
    weight_decay: float = 2e-2
    label_smoothing: float = 0.0
    rise: float = 0.2
    #: Largest rotation in radians, scaling, scaling across only, shear, and shift in pixels of an augmented frame.
    rotation: float = 0.1
    scaling: float = 0.1
    stretching: float = 0.1
    shear: float = 0.18
    shift: float = 1.4
    #: Spread of a smooth warp, in halves of a frame's side, and the logarithm of the largest exponent of its greys.
    warp: float = 0.045
    gamma: float = 0.35
    #: How much bolder and lighter strokes become at most; each happens to a quarter of the frames.
    bolder: float = 0.8
    lighter: float = 0.6


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
    build = partial(_MeterModel, recipe=recipe)
    network = train_model(build, recipe, frames, shares, epochs=epochs, seed=seed, progress=progress)
    return calibrated(msgspec.structs.replace(network, name="meter"), *calibration)


class _MeterModel(DigitsModel):
    """The network of `digits` with the labels of `meter`, and frames that change in more ways in training."""

    def __init__(self, torch: Any, recipe: MeterRecipe) -> None:
        self._changes = recipe
        super().__init__(torch, "learned", recipe, LABELS)

    def augment(self, frames: Any) -> Any:
        """Crops (n, 1, 24, 24) in [0, 1], randomly moved, turned, sheared, warped, bolder, lighter, of other greys."""
        torch, by, count = self.torch, self._changes, len(frames)
        functional = torch.nn.functional

        def uniform(bound: float, *shape: int) -> Any:
            return (torch.rand(count, *shape) * 2 - 1) * bound

        angle, scale, shear = uniform(by.rotation), 1 + uniform(by.scaling), uniform(by.shear)
        across = angle.cos() * scale * (1 + uniform(by.stretching))
        rows = [across, shear - angle.sin() * scale, angle.sin() * scale, angle.cos() * scale]
        # Coordinates run from -1 to 1 over the whole frame, of which the crop is the middle.
        matrix = torch.stack(rows).T.reshape(count, 2, 2) * (CROP / FRAME_SHAPE[0])
        affine = torch.cat([matrix, uniform(by.shift * 2 / FRAME_SHAPE[0], 2, 1)], dim=2)
        grid = functional.affine_grid(affine, (count, 1, CROP, CROP), align_corners=False)
        coarse = torch.randn(count, 2, _WARPED, _WARPED) * by.warp
        warp = functional.interpolate(coarse, (CROP, CROP), mode="bilinear", align_corners=True)
        seen = frames[:, None, :, :, 0].float() / 255
        x = functional.grid_sample(seen, grid + warp.permute(0, 2, 3, 1), align_corners=False)
        quarter = count // 4
        bold, light, rest = x[:quarter], x[quarter : 2 * quarter], x[2 * quarter :]
        share = torch.rand(quarter, 1, 1, 1)
        bold = bold + by.bolder * share * (functional.max_pool2d(bold, 3, 1, 1) - bold)
        light = light - by.lighter * share * (light + functional.max_pool2d(-light, 3, 1, 1))
        return torch.cat([bold, light, rest]).clamp(0, 1) ** uniform(by.gamma, 1, 1, 1).exp()


def held_out(book: FontBook) -> tuple[FontBook, FontBook]:
    """Fonts to train on, and fonts of other families. Raises `ConfigurationError` for fonts of one family."""
    families = sorted({family_of(font) for font in book.fonts})
    held = set(families[_HELD_OUT // 2 :: _HELD_OUT] or families[-1:])
    parts: tuple[list[Path], list[Path]] = ([], [])
    for font in book.fonts:
        parts[family_of(font) in held].append(font)
    if not parts[0]:
        raise ConfigurationError("fonts are all of one family; give fonts of several, on some of which it is tested")
    return FontBook(parts[0], drawn=book.drawn), FontBook(parts[1])


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
