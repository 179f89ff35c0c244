"""The shortest modulus chain whose error keeps the labels, and how large that error can be."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from common.ckks.parameters import MAX_PRIME_BITS, max_modulus_bits
from common.plan.layers import Array
from common.plan.plan import Stage, sum_scores
from compiler.layout import EMPTY
from compiler.modulus.chain import Chain, shortest_chain
from compiler.modulus.precision import ErrorModel
from compiler.modulus.rounding import with_rounded_weights
from compiler.search import Candidate
from compiler.simulator import run_stage
from compiler.stages import Affine, depths, evaluate

#: Bounds on the default for the error that a score may have, relative to the largest score: one that is
#: larger than wanted is taken before a larger ring is.
_LEAST_BUDGET, _WANTED_BUDGET, _LARGEST_BUDGET = 2.0**-10, 2.0**-6, 2.0**-4
#: Share of calibration frames whose first label may lead the second by less than the budget.
_CLOSE_CALLS = 0.05
#: A frame may give slots of this many bits more than the most extreme frame before they overflow.
_HEADROOM_BITS = 2
#: But no more than this many bits over the calibration: noise through many squares grows beyond any chain.
_MOST_HEADROOM_BITS = 8
#: Frames, from all over the calibration, on which the error is predicted.
_ERROR_FRAMES = 16
#: Of several frames in a ciphertext, so many are looked at: weights round differently for each.
_PLACES = 8
#: Another frame's error from rounded weights may be this much larger than the largest of those frames.
_ROUNDING_MARGIN = 2.0
#: The error of rounded weights is first taken for this share of what the model says, which is often too much;
#: then for more, by a factor from 1.2 to 8, a few times.
_FIRST_ROUNDING, _LEAST_INCREASE, _MOST_INCREASE, _ROUNDING_TRIALS = 0.25, 1.2, 8.0, 4


@dataclass(frozen=True)
class Samples:
    """Every value of a normalised network, each (n, size), for calibration frames and for extreme ones."""

    usual: list[Array]
    extreme: list[Array]

    @classmethod
    def of(cls, stages: Sequence[Affine], usual: Array, extreme: Array) -> "Samples":
        """Run both kinds of inputs (n, in)."""
        return cls(_values(stages, usual), _values(stages, extreme))

    @property
    def spread(self) -> Array:
        """Some of the calibration inputs, from all over: files are often sorted by label."""
        inputs = self.usual[0]
        return inputs[:: -(-len(inputs) // _ERROR_FRAMES)]


@dataclass(frozen=True)
class ChainChoice:
    """A modulus chain, the error bound of a score with it, and the bits left after each stage.

    The bound, relative to the largest score in calibration, is eight standard deviations of noise and
    twice the largest error of rounded weights on some calibration frames, as the root of their squares.
    """

    chain: Chain
    error_bound: float
    bits_left: list[float]


def default_budgets(stages: Sequence[Affine], samples: Samples) -> list[float]:
    """The wanted error budget, then larger ones for networks that can't reach it.

    Wanted is the lead that all but a twentieth of the calibration frames' first labels have over the
    second, so that half the bound in both leaves the label as it was.
    """
    scores = np.sort(stages[-1](samples.usual), axis=1)
    if scores.shape[1] == 1:
        return [_WANTED_BUDGET]
    lead = float(np.quantile(scores[:, -1] - scores[:, -2], _CLOSE_CALLS))
    wanted = min(max(lead, _LEAST_BUDGET), _WANTED_BUDGET)
    steps = math.ceil(math.log2(_LARGEST_BUDGET / wanted))
    return [*(wanted * 2**more for more in range(steps)), _LARGEST_BUDGET]


@dataclass(frozen=True)
class ChainSearch:
    """What the search for a chain needs to know of a network that is laid out.

    `built` are the stages of the plan without scales, `frames` how many share a ciphertext. `sealed`:
    weights will be encrypted.
    """

    stages: Sequence[Affine]
    candidate: Candidate
    plan_stages: Sequence[Stage]
    samples: Samples
    dimension: int
    frames: int
    sealed: bool

    @cached_property
    def _model(self) -> ErrorModel:
        return ErrorModel(self.stages, self.candidate, self.samples.spread, self.dimension, self.sealed)

    @cached_property
    def _peak_bits(self) -> int:
        usual, extreme = (self._last_slot_bits(values) for values in (self.samples.usual, self.samples.extreme))
        return min(max(usual, extreme) + _HEADROOM_BITS, usual + _MOST_HEADROOM_BITS)

    def run(self, security_bits: int, early: tuple[int, ...], budget: float) -> ChainChoice | None:
        """The shortest chain within the budget; None when none is secure.

        The stages at the depths `early` rescale before they square. The error of rounded weights is
        estimated for the search, then measured; where it is larger than it was taken for, the search is
        repeated with a larger estimate.
        """
        model, max_bits = self._model, max_modulus_bits(security_bits, self.dimension)
        rounding = _FIRST_ROUNDING
        for _ in range(_ROUNDING_TRIALS):
            estimate = functools.partial(model.estimate, rounding=rounding)
            chain = shortest_chain(model.least_weight_bits, early, self._peak_bits, max_bits, estimate, budget)
            if chain is None:
                return None
            noise, rounded = model.estimate(chain, 0.0), _ROUNDING_MARGIN * self._rounding_error(chain)
            bound = math.hypot(noise, rounded)
            if bound <= budget:
                return ChainChoice(chain, bound, model.bits_left(chain))
            taken = math.sqrt(max(estimate(chain) ** 2 - noise**2, 0.0))
            wanted = rounded / taken if taken else _MOST_INCREASE
            rounding *= min(max(wanted, _LEAST_INCREASE), _MOST_INCREASE)
        return None

    def _rounding_error(self, chain: Chain) -> float:
        """Largest error of a score from rounded weights alone, on some calibration frames.

        Infinite where all weights of a ciphertext round to zero: SEAL refuses what is encrypted no more.
        """
        inputs, elements = self.samples.spread, self.candidate.elements(0)
        which = sorted({number * self.frames // _PLACES for number in range(_PLACES)})
        values = [[np.where(elements == EMPTY, 0.0, inputs[:, elements])] for _ in which]
        depth_of = depths(self.stages)
        for affine, stage, depth in zip(self.stages, self.plan_stages, depth_of, strict=True):
            product = chain.product_bits(depth)
            input_bits = {value: chain.scale_bits[depth_of[value - 1] + 1 if value else 0] for value in affine.matrices}
            scales = {value: 2.0 ** (product - bits) for value, bits in input_bits.items()}
            for rounded, before in zip(
                with_rounded_weights(stage, scales, self.dimension, self.frames, which), values, strict=True
            ):
                kept = np.flatnonzero(rounded.vectors.any(axis=1))
                if len(np.unique(rounded.terms[np.isin(rounded.terms[:, 5], kept), 0])) < stage.targets:
                    return math.inf
                out = run_stage(rounded, dict(enumerate(before)))
                before.append(out**2 if stage.square else out)
        scores, last = evaluate(self.stages, inputs), self.candidate.elements(len(self.stages))
        found = [sum_scores(last, before[-1], self.stages[-1].size) for before in values]
        return max(float(np.abs(one - scores).max()) for one in found)

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
