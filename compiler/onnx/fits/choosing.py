"""The fit that decides best on frames that it hasn't seen: degrees of its activations, and refitted layers or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, NetworkError
from common.plan.layers import Array
from compiler.onnx.draft.draft import Item
from compiler.onnx.fits.activations import FittedNetwork, Recipe, Sample, count_activations, fit_activations, scores
from compiler.onnx.fits.decisions import Aim
from compiler.onnx.fits.distilling import distilled
from compiler.onnx.fits.fitting import DEGREES, LINE
from compiler.onnx.fits.splitting import held_out
from compiler.onnx.options import LABELS, ImportOptions

#: Ridges of refitted layers that are tried, as shares of their inputs' mean square; None leaves layers as they are.
_RIDGES = (None, 1e-3, 1e-1)
#: Frames on which fits are tried, and frames on which they are compared, at most.
_TRIED_FRAMES, _COMPARED_FRAMES = 1000, 1000

#: Called with what is being done, and how much of it is done: from 0 to 1.
Progress = Callable[[str, float], None]


def fit_network(
    items: Sequence[Item],
    frames: NDArray[np.uint8],
    original_scores: Array,
    options: ImportOptions,
    progress: Progress,
) -> FittedNetwork:
    """Fit the activations of a draft on frames (n, h, w, c), where the original gives `original_scores` (n, labels).

    Recipes are tried on four fifths of the frames and compared on the others, by how they decide; what is fitted on
    all frames in the end is the best. With degree 4 quadratics are tried, too. Of the activations `linearise` become
    lines: one after the other those that cost least.

    Raises `ConfigurationError` where there are fewer activations than that.
    """
    count, linearise = count_activations(items), options.linearise
    if not 0 <= linearise <= count:
        raise ConfigurationError(f"linearise is {linearise}; this network has {count} activations that may be lines")
    trial = _Trial.of(items, frames, original_scores, Aim(options.output != LABELS), progress)
    degrees = [each for each in DEGREES if each <= options.degree]
    if not count:
        return fit_activations(items, trial.everything, Recipe(()), counter(progress, "fitting", len(items)))
    best = trial.best([Recipe((each,) * count, ridge) for each in degrees for ridge in _RIDGES], "trying fits")
    for number in range(1, linearise + 1):
        places = [place for place, each in enumerate(best.recipe.degrees) if each != LINE]
        best = trial.best([_with_line(best.recipe, place) for place in places], f"line {number} of {linearise}")
    distil = trial.gains_by_distilling(best)
    fitted = fit_activations(items, trial.everything, best.recipe, counter(progress, "fitting", len(items)))
    if not distil:
        return fitted
    progress("distilling", 0.0)
    return distilled(fitted, trial.everything, original_scores, trial.aim)


def _with_line(recipe: Recipe, place: int) -> Recipe:
    return replace(recipe, degrees=(*recipe.degrees[:place], LINE, *recipe.degrees[place + 1 :]))


class _Tried(NamedTuple):
    """A recipe, what it made of the draft, and how far that is from deciding like the original."""

    recipe: Recipe
    network: FittedNetwork
    loss: float


@dataclass(frozen=True)
class _Trial:
    """Frames on which recipes are tried, and others on which they are compared; all for both where there are few."""

    items: Sequence[Item]
    everything: Sample
    tried: Sample
    tried_scores: Array
    compared: NDArray[np.uint8]
    compared_scores: Array
    few: bool
    aim: Aim
    progress: Progress

    @classmethod
    def of(
        cls, items: Sequence[Item], frames: NDArray[np.uint8], original_scores: Array, aim: Aim, progress: Progress
    ) -> "_Trial":
        held = held_out(original_scores.argmax(axis=1))
        everything = Sample(frames, aim.weights(original_scores))
        tried = np.flatnonzero(~held)
        tried = tried[:: -(-len(tried) // _TRIED_FRAMES)]
        chosen = np.flatnonzero(held) if held.any() else np.arange(len(frames))
        chosen = chosen[:: -(-len(chosen) // _COMPARED_FRAMES)]
        return cls(
            items,
            everything,
            Sample(frames[tried], everything.weights[tried]),
            original_scores[tried],
            frames[chosen],
            original_scores[chosen],
            not held.any(),
            aim,
            progress,
        )

    def best(self, recipes: Sequence[Recipe], what: str) -> _Tried:
        """The recipe that decides most like the original.

        With too few frames for a comparison on others, layers stay as they are. Raises `NetworkError` where values
        overflow with each of them.
        """
        if self.few:
            recipes = [recipe for recipe in recipes if recipe.ridge is None]
        best: _Tried | None = None
        overflow: NetworkError | None = None
        for number, recipe in enumerate(recipes):
            self.progress(what, number / len(recipes))
            try:
                fitted = fit_activations(self.items, self.tried, recipe, lambda: None)
                loss = self._loss(fitted)
            except NetworkError as error:
                overflow = error
                continue
            if best is None or loss < best.loss:
                best = _Tried(recipe, fitted, loss)
        if best is None:
            assert overflow is not None
            raise overflow
        return best

    def gains_by_distilling(self, best: _Tried) -> bool:
        """Whether what was tried decides more like the original when its fits are changed together."""
        if self.few:
            return False
        self.progress("distilling", 0.0)
        try:
            return self._loss(distilled(best.network, self.tried, self.tried_scores, self.aim)) < best.loss
        except NetworkError:
            return False

    def _loss(self, fitted: FittedNetwork) -> float:
        return self.aim.loss(self.compared_scores, scores(fitted.layers, self.compared, lambda: None))


def counter(progress: Progress, what: str, total: int) -> Callable[[], None]:
    """What calls `progress` with the share of `total` that is done, each time that it is called itself."""
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        progress(what, done / total)

    progress(what, 0.0)
    return count
