"""The ring that a network is computed in: its layout there, and a modulus chain with room for its precision."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from common.ckks.parameters import RING_DIMENSIONS, max_modulus_bits
from common.errors import CapacityError
from common.plan.costs import Costs, shipped_costs
from common.plan.layers import Array
from common.plan.plan import repeats
from common.plan.stage import Stage
from compiler.layout import EMPTY
from compiler.modulus.budget import ChainChoice, ChainSearch, Samples
from compiler.modulus.chain import Chain
from compiler.search import Candidate, cheapest, with_times
from compiler.stages import Affine, depths
from compiler.transform import Transform

#: Squarings in sequence up to which plain weights are tried with one early rescaling, at each depth, before there are
#: some everywhere: one of them halves the levels that they add, and in deeper networks the search takes minutes.
_MOST_SINGLE = 5


@dataclass(frozen=True)
class RingChoice:
    """A ring, a network's layout and stages in it, and the modulus chain that the network needs there.

    `folded`: the chain has room for the noise of inputs that are folded.
    """

    dimension: int
    candidate: Candidate
    stages: tuple[Stage, ...]
    modulus: ChainChoice
    folded: bool


def choose_ring(
    stages: Sequence[Affine],
    samples: Samples,
    security_bits: int,
    error_budgets: Sequence[float],
    frames: int,
    sealed: bool,
    chained: bool = False,
) -> RingChoice:
    """The cheapest ring found for a normalised network, with its layout and chain there.

    `frames` share a ciphertext; with `sealed` the weights will be encrypted; `chained` stages need fewer keys. In each
    ring the first of `error_budgets`, relative to the largest score, that can be kept is kept. Larger rings are tried
    as long as they may be cheaper. Plain weights rescale before squares only where no ring has precision otherwise.
    Raises `CapacityError` when no ring has room or precision for the network.
    """
    search = RingSearch(stages, samples, security_bits, error_budgets, frames, sealed, chained)
    refusals: list[CapacityError] = []
    for earlies in _earlies(max(depths(stages)), sealed):
        try:
            return search.cheapest_ring(earlies)
        except CapacityError as refusal:
            refusals.append(refusal)
    raise refusals[0]  # others are of the levels that early rescalings take


@dataclass(frozen=True)
class RingSearch:
    """The search for a ring; what the fields are, `choose_ring` says."""

    stages: Sequence[Affine]
    samples: Samples
    security_bits: int
    error_budgets: Sequence[float]
    frames: int
    sealed: bool
    chained: bool
    #: Layouts that were found, by ring dimension and the engine by whose times they are cheapest.
    _candidates: dict[tuple[int, str], Candidate | None] = field(default_factory=dict, init=False)

    def cheapest_ring(self, earlies: Sequence[tuple[int, ...]]) -> RingChoice:
        """The cheapest ring found where the stages at the depths of one of `earlies` rescale before they square."""
        best: RingChoice | None = None
        refusal: CapacityError | None = None
        for dimension in RING_DIMENSIONS:
            most = math.inf if best is None else best.candidate.cost
            try:
                ring = self.lay_out(dimension, earlies, most)
            except CapacityError as error:
                refusal = error
                continue
            if ring is None or ring.candidate.cost >= most:
                break
            best = ring
            if not _larger_ring_may_pay(best):
                break
        if best is None:
            assert refusal is not None
            raise refusal  # of the largest ring, which has most room
        return best

    def lay_out(
        self, dimension: int, may_be_early: Sequence[tuple[int, ...]], most: float = math.inf
    ) -> RingChoice | None:
        """The cheapest layout in this ring; None where it costs `most` or more, which is found out first.

        Raises `CapacityError` where the ring lacks room or precision.

        Encrypted weights may need stages that rescale before they square; that is tried before a larger error is.
        Inputs that could be folded aren't where their noise would be too much.
        """
        depth, max_bits = max(depths(self.stages)), max_modulus_bits(self.security_bits, dimension)
        if self.frames > dimension // 2:
            raise CapacityError(f"a ciphertext of ring dimension {dimension} has fewer slots than {self.frames} frames")
        earlies = [early for early in may_be_early if Chain.may_fit(depth + 1, len(early), max_bits)]
        if not earlies:
            raise CapacityError(
                f"{depth} rescalings at {self.security_bits}-bit security need more than the {max_bits} bits that a "
                f"modulus may have at ring dimension {dimension}. Use fewer layers with activations"
            )
        # Where all rotations cost the same there are fewer babies, whose noise weights multiply: by the times of
        # Pyfhel a layout may keep errors that the fastest one can't.
        for costs in (shipped_costs(), shipped_costs("pyfhel")):
            candidate = self._candidate(dimension, costs, most)
            if candidate is None:
                return None
            plan_stages = _plan_stages(self.stages, candidate.transforms)
            found = self._chain(dimension, candidate, plan_stages, earlies)
            if found is not None:
                modulus, folded = found
                # Early rescalings make levels dearer, and hardly ever another layout cheaper than this one.
                final = with_times(candidate, self.stages, dimension, shipped_costs(), modulus.chain.early, self.sealed)
                return RingChoice(dimension, final, plan_stages, modulus, folded)
        raise CapacityError(
            f"{depth} rescalings at {self.security_bits}-bit security leave an error above "
            f"{self.error_budgets[-1]:.1%} of the largest score, at ring dimension {dimension} too. Use fewer layers, "
            "or normalise activations and penalise large values in training, so that less error is amplified"
        )

    def _candidate(self, dimension: int, costs: Costs, most: float) -> Candidate | None:
        """The cheapest layout, which takes most of the time; None where the fastest one costs `most` or more.

        Raises `CapacityError` when there is none.
        """
        key, fastest = (dimension, costs.engine), costs.engine == shipped_costs().engine
        if key not in self._candidates:
            slots, bound = dimension // 2 // self.frames, most if fastest else math.inf
            found = cheapest(self.stages, dimension, slots, costs, self.sealed, self.chained, bound)
            if found is None and bound < math.inf:
                return None
            self._candidates[key] = found
        candidate = self._candidates[key]
        if candidate is None:
            raise CapacityError(
                "a linear stage has too many weights to lay out in slots, over half a gigabyte. Use fewer channels, "
                "larger strides or narrower dense layers"
            )
        # Early rescalings, which aren't counted yet, only add to it.
        return None if fastest and candidate.cost >= most else candidate

    def _chain(
        self, dimension: int, candidate: Candidate, plan_stages: Sequence[Stage], earlies: Sequence[tuple[int, ...]]
    ) -> tuple[ChainChoice, bool] | None:
        """The chain for the first budget that can be kept, and whether inputs may be folded."""
        folds = [True, False] if repeats(candidate.elements(0)) and not self.chained else [False]
        searches = [
            ChainSearch(self.stages, candidate, plan_stages, self.samples, dimension, self.frames, self.sealed, fold)
            for fold in folds
        ]

        def within(budget: float) -> tuple[ChainChoice, bool] | None:
            for early, search in product(earlies, searches):
                modulus = search.run(self.security_bits, early, budget)
                if modulus is not None:
                    return modulus, search.folded
            return None

        first, *more = self.error_budgets
        found = within(first)
        if found is not None or not more:
            return found
        largest = within(more[-1])  # a ring that can't keep this one keeps none
        return largest and next(filter(None, map(within, more[:-1])), largest)


def most_levels(security_bits: int) -> int:
    """Squarings in sequence for which the largest ring has primes, at their smallest; precision may allow fewer."""
    max_bits, levels = max_modulus_bits(security_bits, RING_DIMENSIONS[-1]), 0
    while Chain.may_fit(levels + 2, 0, max_bits):
        levels += 1
    return levels


def _larger_ring_may_pay(ring: RingChoice) -> bool:
    """Whether values take several ciphertexts, or early rescalings so many levels that a larger ring may be faster.

    A larger ring has room for a longer modulus, and may need no early rescalings.
    """
    if ring.candidate.ciphertexts > 1:
        return True
    if ring.dimension == RING_DIMENSIONS[-1]:
        return False
    chain, rotate = ring.modulus.chain, shipped_costs().rotation_ms
    return bool(chain.early) and rotate(2 * ring.dimension, len(chain.scale_bits) - 1) < rotate(
        ring.dimension, chain.level(0)
    )


def _earlies(deepest: int, sealed: bool) -> list[list[tuple[int, ...]]]:
    """Sets of depths whose stages may rescale before they square, those that cost least first.

    In each ring those of one list are tried: of the first list, and where no ring will do, of the next one.
    """
    everywhere = tuple(range(deepest))
    single: list[tuple[int, ...]] = [(depth,) for depth in everywhere]
    if sealed:
        return [list(dict.fromkeys([(), *single, everywhere]))]
    if deepest > _MOST_SINGLE:
        return [[()], [everywhere]]
    return [[()], single, [everywhere]] if len(single) > 1 else [[()], single] if single else [[()]]


def _plan_stages(stages: Sequence[Affine], transforms: Sequence[Transform]) -> tuple[Stage, ...]:
    """The stages as the evaluator runs them; levels and scales follow with the chain."""
    return tuple(
        Stage(
            shape=stage.shape,
            level=0,
            product_scale=1.0,
            weight_scales={},
            terms=terms,
            vectors=vectors,
            folds=transform.folds,
            bias=_bias(stage, transform),
            square=transform is not transforms[-1],
            bits_left=0.0,
            chained=transform.steps.chained,
        )
        for stage, transform in zip(stages, transforms, strict=True)
        for terms, vectors in [_terms(transform)]
    )


def _terms(transform: Transform) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The rows of `Stage.terms`, ordered by target and giant, and the distinct vectors that they use."""
    slots, sources = transform.output.slots, np.array(transform.sources)[transform.diagonals.source]
    vectors = transform.vectors()
    numbers: dict[bytes, int] = {}
    rows = [numbers.setdefault(vector.tobytes(), len(numbers)) for vector in vectors]
    columns = (
        transform.diagonals.target,
        transform.steps.giant % slots,
        sources[:, 0],
        sources[:, 1],
        transform.steps.baby % slots,
        rows,
    )
    terms = np.stack(columns, axis=1).astype(np.int32)
    distinct = np.stack([np.frombuffer(vector, np.float32) for vector in numbers])
    return terms[np.lexsort((terms[:, 1], terms[:, 0]))], distinct


def _bias(stage: Affine, transform: Transform) -> Array:
    """The bias by slots; where an output is the sum of its slots, in the first of them."""
    layout = transform.output
    if not transform.partial:
        return np.where(layout.elements == EMPTY, 0.0, stage.bias[layout.elements])
    bias = np.zeros(layout.elements.shape)
    bias[layout.places(stage.size)] = stage.bias
    return bias
