"""Random stages, and key holders of several rings, moduli and security levels."""

import math
from functools import cache

import numpy as np
from hypothesis import strategies as st

from common.ckks.parameters import Parameters
from tests.engine.specification import Case, Holder, Slots, Specification

#: Rings from 4,096 to 32,768 coefficients, primes of one size and of several, and each level of security.
PARAMETERS = (
    Parameters(128, 4096, (35, 35, 36)),
    Parameters(128, 4096, (50, 56)),
    Parameters(128, 8192, (50, 54, 54, 56)),
    Parameters(128, 8192, (52, 40, 23, 41, 48)),
    Parameters(192, 8192, (50, 48, 49)),
    Parameters(128, 16384, (60, 50, 55, 40, 60, 60, 60)),
    Parameters(256, 16384, (60, 60, 50, 60)),
    Parameters(128, 32768, (60, 60, 58, 60)),
)
#: The largest value of a target, in bits, that stages are drawn for.
_ROOM_BITS = 8


@cache
def holder(parameters: Parameters) -> Holder:
    """One of these parameters, with keys for the steps 3, 4 and 7, which is their sum, and for two at random."""
    some = np.random.default_rng(parameters.modulus_bits).integers(8, parameters.slots, 2)
    return Holder(parameters, sorted({3, 4, 7, *(int(step) for step in some)}))


@st.composite
def cases(draw: st.DrawFn, parameters: Parameters) -> Case:
    """A stage at any level, with all that a stage can have."""
    own = holder(parameters)
    level = draw(st.integers(0, parameters.levels))
    square = draw(st.booleans()) if level else False
    rescale_first = draw(st.booleans()) if square and level > 1 else False
    encrypted, halves, chained = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = st.sampled_from([0, *own.steps])
    sources, targets = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    rotations = draw(st.lists(st.tuples(st.integers(0, sources - 1), steps), min_size=1, max_size=6, unique=True))
    rotations = sorted(rotations) if chained else rotations
    each = draw(st.lists(st.tuples(st.integers(0, targets - 1), steps), max_size=3, unique=True))
    sums = sorted({*((target, 0) for target in range(targets)), *each})
    weights = draw(st.integers(1, 4))
    places = st.tuples(st.integers(0, len(rotations) - 1), st.integers(0, weights - 1))
    terms = [
        (number, *term)
        for number in range(len(sums))
        for term in draw(
            st.lists(
                places, min_size=_fewest_terms(sums, number, chained), max_size=4, unique_by=lambda place: place[0]
            )
        )
    ]
    folds = draw(st.sampled_from([[], [[3]], [[3, 4, 7]], [[4], [own.steps[-1]]]]))
    slots = parameters.slots
    stage = Specification(
        level=level,
        rotations=rotations,
        sums=sums,
        terms=terms,
        weights=[_numbers(random, slots, halves) for _ in range(weights)],
        fold_groups=folds,
        biases=[_numbers(random, slots, False) if draw(st.booleans()) else None for _ in range(targets)],
        square=square,
        rescale_first=rescale_first,
        encrypted=encrypted,
        chained=chained,
        scales=_scales(parameters, level, square, rescale_first),
    )
    return Case(own, stage, [_numbers(random, slots, False) for _ in range(sources)])


def _fewest_terms(sums: list[tuple[int, int]], number: int, chained: bool) -> int:
    """In a chained stage only the last sum of a target needs a term."""
    return 0 if chained and number + 1 < len(sums) and sums[number + 1][0] == sums[number][0] else 1


def _numbers(random: np.random.Generator, slots: int, halves: bool) -> Slots:
    """Up to 1 in size; with `halves`, the second half repeats the first, as weights of narrow layers do."""
    if halves:
        return np.tile(random.uniform(-1, 1, slots // 2), 2)
    return random.uniform(-1, 1, slots)


def _scales(parameters: Parameters, level: int, square: bool, rescale_first: bool) -> tuple[float, float]:
    """Scales that leave room for every value at every level that it passes, and precision at the last one."""
    bits = parameters.data_prime_bits[: level + 1]
    if rescale_first:
        product = bits[-1] + (sum(bits[:-1]) - 2 * _ROOM_BITS) // 2
    elif square:
        product = (sum(bits) - 2 * _ROOM_BITS) // 2
    else:
        product = min(sum(bits) - _ROOM_BITS - 2, 80)
    return 2.0 ** math.floor(product / 2), 2.0 ** math.floor(product / 2)
