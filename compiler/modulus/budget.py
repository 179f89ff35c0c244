"""The shortest modulus chain whose error keeps the labels, and how large that error can be."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from common.ckks.parameters import MAX_PRIME_BITS, max_modulus_bits
from common.plan.layers import Array
from common.plan.plan import sum_scores
from common.plan.stage import Stage
from compiler.layout import EMPTY
from compiler.modulus.chain import Chain
from compiler.modulus.precision import ErrorModel
from compiler.modulus.rounding import with_rounded_weights
from compiler.modulus.shortest import ChainPath
from compiler.search import Candidate
from compiler.simulator import run_stage
from compiler.stages import Affine, depths, evaluate, value_depths

#: The smallest error budget that is ever the default, relative to the largest score.
_LEAST_BUDGET = 2.0**-10
#: The largest error budget that is tried first, relative to the largest score.
_WANTED_BUDGET = 2.0**-6
#: The largest error budget that is tried, relative to the largest score: before a larger ring is.
_LARGEST_BUDGET = 2.0**-4
#: Share of calibration frames whose first label may lead the second by less than the budget.
_CLOSE_CALLS = 0.05
#: Bits by which a frame's slots may exceed those of the most extreme frame before they overflow.
_HEADROOM_BITS = 2
#: Bits over the slots of calibration frames that are left at most: noise through many squares outgrows any chain.
_MOST_HEADROOM_BITS = 8
#: Frames, from all over the calibration, on which the error is predicted.
_ERROR_FRAMES = 16
#: Frames of a ciphertext for which weights are rounded, of all that share it: they round differently for each.
_PLACES = 8
#: The factor by which another frame's error from rounded weights may exceed the largest of those frames.
_ROUNDING_MARGIN = 2.0
#: The share of the model's error of rounded weights that is assumed first, since the model often says too much.
_FIRST_ROUNDING = 0.25
#: The smallest factor by which the next trial assumes more.
_LEAST_INCREASE = 1.2
#: The largest factor by which the next trial assumes more.
_MOST_INCREASE = 8.0
#: Trials, each of which assumes more than the one before.
_ROUNDING_TRIALS = 4


@dataclass(frozen=True)
class Samples:
    """Every value of a normalised network, each (n, size), for calibration frames and for extreme ones."""

    usual: list[Array]
    extreme: list[Array]

    @classmethod
    def of(cls, stages: Sequence[Affine], usual: Array, extreme: Array) -> "Samples":
        """The values for both kinds of inputs, each (n, in)."""
        return cls(_values(stages, usual), _values(stages, extreme))

    @property
    def spread(self) -> Array:
        """Some of the calibration inputs, from all over: files are often sorted by label."""
        inputs = self.usual[0]
        return inputs[:: -(-len(inputs) // _ERROR_FRAMES)]


@dataclass(frozen=True)
class ChainChoice:
    """A modulus chain, the error bound of a score with it, and the bits left after each stage.

    The bound is relative to the largest score in calibration. It is the root of the sum of two squares: of eight
    standard deviations of noise, and of twice the largest error of rounded weights on some calibration frames.
    `bits_left` are by stage, as `ErrorModel.bits_left` gives them.
    """

    chain: Chain
    error_bound: float
    bits_left: list[float]


def default_budgets(stages: Sequence[Affine], samples: Samples) -> list[float]:
    """The error budgets to try, from the smallest up, relative to the largest score.

    The first is the lead that all but a twentieth of the calibration frames' first labels have over the second,
    within bounds: an error of half the lead in both leaves the label as it was. Larger ones follow for networks
    that can't reach it.
    """
    scores = np.sort(stages[-1](samples.usual), axis=1)
    if scores.shape[1] == 1:
        return [_WANTED_BUDGET]
    lead = float(np.quantile(scores[:, -1] - scores[:, -2], _CLOSE_CALLS))
    first = min(max(lead, _LEAST_BUDGET), _WANTED_BUDGET)
    steps = math.ceil(math.log2(_LARGEST_BUDGET / first))
    return [*(first * 2**more for more in range(steps)), _LARGEST_BUDGET]


@dataclass(frozen=True)
class ChainSearch:
    """The search for the chain of a network whose layout is known.

    `stages` are the normalised network's, `plan_stages` the same as the plan has them, but without scales.
    `dimension` is that of the ring, and `frames` is how many frames share a ciphertext. With `sealed` the weights
    will be encrypted. `folded`: the input may come folded (`common.ckks.folded`).
    """

    stages: Sequence[Affine]
    candidate: Candidate
    plan_stages: Sequence[Stage]
    samples: Samples
    dimension: int
    frames: int
    sealed: bool
    folded: bool
    #: Paths that were begun, by early rescalings, bits of the largest modulus, and assumed share of errors by rounding.
    _paths: dict[tuple[tuple[int, ...], int, float], ChainPath] = field(default_factory=dict, init=False)

    @cached_property
    def _model(self) -> ErrorModel:
        return ErrorModel(self.stages, self.candidate, self.samples.spread, self.dimension, self.sealed, self.folded)

    @cached_property
    def _peak_bits(self) -> int:
        usual, extreme = (self._last_slot_bits(values) for values in (self.samples.usual, self.samples.extreme))
        return min(max(usual, extreme) + _HEADROOM_BITS, usual + _MOST_HEADROOM_BITS)

    def run(self, security_bits: int, early: tuple[int, ...], budget: float) -> ChainChoice | None:
        """The shortest chain found within the budget, which is relative to the largest score; None when none is secure.

        The stages at the depths `early` rescale before they square. The search assumes an error of rounded
        weights, which is measured for the chain that it ends in, and scales that are powers of two. Where the budget
        isn't kept, the search is repeated with a larger assumption, and for as much less error as true scales add.
        Where weights round better than assumed, the chain is a few bits longer than it must be.
        """
        model, max_bits = self._model, max_modulus_bits(security_bits, self.dimension)
        rounding, wanted = _FIRST_ROUNDING, budget
        for _ in range(_ROUNDING_TRIALS):
            estimate = functools.partial(model.estimate, rounding=rounding)
            key = early, max_bits, rounding
            if key not in self._paths:  # budgets that are tried one after the other have the same one
                self._paths[key] = ChainPath(model.least_weight_bits, early, self._peak_bits, max_bits, estimate)
            ideal = self._paths[key].shortest(wanted)
            if ideal is None:
                return None
            chain = ideal.corrected(self.dimension)
            wanted = budget * min(estimate(ideal) / estimate(chain), 1.0)
            noise, rounding_error = model.estimate(chain, 0.0), _ROUNDING_MARGIN * self._rounding_error(chain)
            bound = math.hypot(noise, rounding_error)
            if bound <= budget:
                return ChainChoice(chain, bound, model.bits_left(chain))
            assumption = math.sqrt(max(estimate(chain) ** 2 - noise**2, 0.0))
            increase = rounding_error / assumption if assumption else _MOST_INCREASE
            rounding *= min(max(increase, _LEAST_INCREASE), _MOST_INCREASE)
        return None

    def _rounding_error(self, chain: Chain) -> float:
        """Largest error of a score from rounded weights alone, on some calibration frames.

        Infinite where all weights of a target round to zero: SEAL refuses such a result, as it isn't encrypted.
        """
        inputs, elements = self.samples.spread, self.candidate.elements(0)
        which = sorted({number * self.frames // _PLACES for number in range(_PLACES)})
        values = [[np.where(elements == EMPTY, 0.0, inputs[:, elements])] for _ in which]
        depth_of, value_depth = depths(self.stages), value_depths(self.stages)
        for affine, stage, depth in zip(self.stages, self.plan_stages, depth_of, strict=True):
            product = chain.product_scale(depth)
            scales = {value: product / 2.0 ** chain.scale_bits[value_depth[value]] for value in affine.matrices}
            for rounded_stage, before in zip(
                with_rounded_weights(stage, scales, self.dimension, self.frames, which), values, strict=True
            ):
                nonzero = np.flatnonzero(rounded_stage.vectors.any(axis=1))
                terms = rounded_stage.terms[np.isin(rounded_stage.terms[:, 5], nonzero)]
                if len(np.unique(terms[:, 0])) < stage.targets:
                    return math.inf
                out = run_stage(rounded_stage, dict(enumerate(before)))
                before.append(out**2 if stage.square else out)
        exact, last = evaluate(self.stages, inputs), self.candidate.elements(len(self.stages))
        scores = [sum_scores(last, before[-1], self.stages[-1].size) for before in values]
        return max(float(np.abs(one - exact).max()) for one in scores)

    def _last_slot_bits(self, values: Sequence[Array]) -> int:
        """Bits of the largest slot of the last stage, whose outputs may be left as partial sums."""
        peak = 1.0
        for frame in range(len(values[0])):
            slots = {value: self._in_slots(value, values[value][frame]) for value in self.stages[-1].matrices}
            peak = max(peak, float(np.abs(run_stage(self.plan_stages[-1], slots)).max()))
        return math.ceil(math.log2(peak))

    def _in_slots(self, value: int, flat: Array) -> Array:
        elements = self.candidate.elements(value)
        return np.where(elements == EMPTY, 0.0, flat[elements])[None]


def _values(stages: Sequence[Affine], inputs: Array) -> list[Array]:
    values = [inputs]
    for stage in stages[:-1]:  # extreme frames may grow with every square; no chain has room for 2**60
        values.append(np.minimum(np.square(stage(values)), 2.0**MAX_PRIME_BITS))
    return values
