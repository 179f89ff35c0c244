"""Baby and giant steps: what is counted as their cost is what they cost, and the split is the cheapest there is."""

from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.plan.work import StageWork
from compiler.steps import _MULTIPLES, Diagonals, Ints, Steps, _counts, _counts_walked, split

MODULUS = 64
#: (target, source, step) of each diagonal.
Triples = set[tuple[int, int, int]]
TRIPLES = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, MODULUS - 1)), min_size=1, max_size=30)


def diagonals_of(triples: Triples, modulus: int = MODULUS) -> Diagonals:
    target, source, step = (np.array(column) for column in zip(*sorted(triples), strict=True))
    return Diagonals(target, source, step, np.full(len(step), modulus))


def cost(triples: Triples, babies: dict[int, int], giants: dict[int, int], sealed: bool) -> int:
    """Rotations of sources by babies and of sums by giants; and sums, which encrypted weights relinearise each."""
    rotated = {(source, babies[step]) for _, source, step in triples if babies[step]}
    sums = {(target, giants[step]) for target, _, step in triples}
    return len(rotated) + sum(giant != 0 for _, giant in sums) + sealed * len(sums)


def switches(work: StageWork) -> int:
    """A price by which rotations and relinearisations are alike."""
    return work.babies + work.giants + (work.sums if work.encrypted else 0)


def cost_of(steps: Steps, triples: Triples, sealed: bool) -> int:
    return switches(steps.work(diagonals_of(triples))._replace(encrypted=sealed))


@pytest.fixture(autouse=True)
def _keys_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compiler.steps._BABIES_OF_KEY", 0.0)


@given(TRIPLES, st.integers(0, 2**32 - 1))
def test_equal_rotations_of_a_ciphertext_are_counted_once_and_steps_of_zero_never(triples: Triples, seed: int) -> None:
    ordered = sorted(triples)
    baby = np.random.default_rng(seed).integers(-4, 4, len(ordered))
    giant = (np.array([step for *_, step in ordered]) - baby) % MODULUS
    steps = Steps(giant, baby)
    rotated = {(source, one) for (_, source, _), one in zip(ordered, baby.tolist(), strict=True) if one}
    sums = {(target, one) for (target, *_), one in zip(ordered, giant.tolist(), strict=True)}
    work = steps.work(diagonals_of(triples))
    assert (work.babies, work.giants) == (len(rotated), sum(one != 0 for _, one in sums))
    assert (work.sums, work.hoists) == (len(sums), len({source for source, _ in rotated}))


@given(TRIPLES, st.integers(0, 2**32 - 1), st.booleans())
def test_many_splits_are_counted_at_once_as_each_is_by_itself(triples: Triples, seed: int, chained: bool) -> None:
    diagonals = diagonals_of(triples)
    baby = np.random.default_rng(seed).integers(0 if chained else -4, 4, (3, len(triples)))
    giant = (diagonals.step - baby) % MODULUS
    each = [Steps(*pair, chained) for pair in zip(giant, baby, strict=True)]
    counts = [(work.hoists, work.babies, work.giants, work.sums) for work in (one.work(diagonals) for one in each)]
    expected = [(*count, one.keys) for count, one in zip(counts, each, strict=True)]
    counts_of = _counts_walked if chained else _counts
    assert counts_of(diagonals, giant, baby).tolist() == [list(one) for one in expected]


@settings(deadline=None)
@given(TRIPLES, st.sets(st.integers(2, 40), max_size=2), st.booleans())
@pytest.mark.slow
def test_the_split_is_the_cheapest_by_any_unit_and_with_babies_from_zero_on_or_around_it(
    triples: Triples, bases: set[int], sealed: bool
) -> None:
    units = {base * times for base in {1, *bases} for times in range(1, _MULTIPLES + 1)}

    def costs() -> Iterator[int]:
        for unit, lowest in ((one, lowest) for one in units if one <= MODULUS for lowest in (0, -(one // 2))):
            for first in (0, 1 - MODULUS // 2):  # the steps from 0 on, or around 0
                place = {step: (step - first) % MODULUS + first for step in range(MODULUS)}
                babies = {step: (place[step] - lowest) % unit + lowest for step in place}
                giants = {step: (place[step] - babies[step]) % MODULUS for step in place}
                yield cost(triples, babies, giants, sealed)

    assert cost_of(split(diagonals_of(triples), bases, switches, sealed), triples, sealed) == min(costs())


@given(TRIPLES, st.sets(st.integers(2, 40), max_size=2))
def test_a_chain_passes_all_smaller_steps_and_its_keys_are_its_distances(triples: Triples, bases: set[int]) -> None:
    diagonals = diagonals_of(triples)
    steps = split(diagonals, bases, switches, chained=True)
    assert steps.baby.min() >= 0
    assert ((steps.giant + steps.baby - diagonals.step) % MODULUS == 0).all()
    made, distances = 0, set()
    for ciphertext, step in ((diagonals.source, steps.baby), (diagonals.target, steps.giant)):
        stops = sorted({0, *step.tolist()})
        distances |= {later - one for one, later in pairwise(stops)}
        made += sum(0 < stop <= step[ciphertext == one].max() for one in set(ciphertext.tolist()) for stop in stops)
    assert (steps.work(diagonals).rotations, steps.keys) == (made, len(distances))


def test_a_chain_takes_no_more_rotations_for_a_dense_matrix_and_two_keys() -> None:
    diagonals = diagonals_of({(0, 0, step) for step in range(64)})
    fast, small = (split(diagonals, set(), switches, chained=chained) for chained in (False, True))
    assert (fast.work(diagonals).rotations, fast.keys) == (14, 14)
    assert (small.work(diagonals).rotations, small.keys) == (14, 2)


def test_giants_that_are_dear_are_few_and_so_are_keys_that_have_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    diagonals = diagonals_of({(0, 0, step) for step in range(64)})

    def dear_giants(work: StageWork) -> int:
        return work.babies + 5 * work.giants

    few = split(diagonals, set(), dear_giants).work(diagonals)
    assert (few.babies, few.giants) == (15, 3)
    monkeypatch.setattr("compiler.steps._BABIES_OF_KEY", 20.0)
    balanced = split(diagonals, set(), dear_giants)
    assert balanced.keys < few.babies + few.giants


@pytest.mark.parametrize("size", [4, 16, 36, 64])
def test_for_a_dense_matrix_no_split_at_all_is_cheaper(size: int) -> None:
    # b babies and g giants serve at most b · g diagonals, and one baby and one giant are no rotation.
    least = min(
        babies + giants - 2 for babies, giants in product(range(1, size + 1), repeat=2) if babies * giants >= size
    )
    diagonals = diagonals_of({(0, 0, step) for step in range(size)})
    assert split(diagonals, set(), switches).work(diagonals).rotations == least


def _all_splits_of_8() -> tuple[Ints, list[Ints]]:
    """For all sets of babies and of giants in eight slots, as bits: which steps they add up to, and key switches."""
    babies, giants = np.meshgrid(np.arange(256), np.arange(1, 256))
    sums = np.zeros_like(babies)
    for giant in range(8):
        rotated = (babies << giant | babies >> (8 - giant)) & 255
        sums |= np.where(giants >> giant & 1, rotated, 0)
    rotations = np.bitwise_count(babies & ~1) + np.bitwise_count(giants & ~1)
    return sums, [rotations, rotations + np.bitwise_count(giants)]


SUMS_OF_8, SWITCHES_OF_8 = _all_splits_of_8()


def test_against_all_splits_of_eight_slots_one_switch_is_lost_at_most_and_seldom() -> None:
    lost = [0] * 3
    for wanted, sealed in product(range(1, 256), (False, True)):
        diagonals = diagonals_of({(0, 0, step) for step in range(8) if wanted >> step & 1}, 8)
        steps = split(diagonals, set(), switches, sealed)
        served = (SUMS_OF_8 & wanted) == wanted
        least = int(SWITCHES_OF_8[sealed][served].min())
        lost[switches(steps.work(diagonals)._replace(encrypted=sealed)) - least] += 1
    assert lost[1] <= sum(lost) / 8
    assert lost[2] == 0
