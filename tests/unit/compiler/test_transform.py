"""Every way to compute a matrix in slots computes that matrix, whatever stands in the unused slots."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from common.plan.layers import Array
from common.plan.work import StageWork
from compiler.layout import EMPTY, Layout, place, polyphase, power_of_two, raster, skewed_copies
from compiler.steps import Diagonals, split
from compiler.transform import Input, Transform, transforms

SEEDS = st.integers(0, 2**32 - 1)


def switches(work: StageWork) -> int:
    """A price by which all rotations are alike."""
    return work.babies + work.giants


@st.composite
def inputs_in_slots(draw: st.DrawFn, slots: int, outputs: int) -> Input:
    """A value in one ciphertext or several, which may repeat it, and a matrix, dense or sparse."""
    rng = np.random.default_rng(draw(SEEDS))
    channels, positions = draw(st.integers(1, 5)), draw(st.integers(1, 12))
    pitch = positions if positions <= slots else -(-positions // slots) * slots
    if pitch < slots and draw(st.booleans()):
        pitch = min(power_of_two(pitch), slots)
    elements = place(channels, rng.permutation(positions), pitch, slots)
    if len(elements) == 1 and draw(st.booleans()):
        period = power_of_two(int(np.flatnonzero(elements[0] != EMPTY).max()) + 1)
        copies = draw(st.sampled_from([copies for copies in (1, 2, 4) if period * copies <= slots]))
        row = skewed_copies(elements[0, :period], copies, draw(st.integers(0, 5)))
        elements = np.tile(row, slots // len(row))[None]
    matrix = rng.normal(size=(outputs, channels * positions))
    matrix *= rng.random(matrix.shape) < draw(st.sampled_from([0.2, 1.0]))
    matrix[0, 0] = 1.0
    return Input(0, Layout(elements, pitch), sparse.csr_array(matrix))


@st.composite
def stages(draw: st.DrawFn) -> tuple[list[Input], tuple[int, int, int]]:
    slots = draw(st.sampled_from([1, 4, 32, 64]))
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    values = draw(st.integers(1, 2))
    inputs = [draw(inputs_in_slots(slots, int(np.prod(shape)))) for _ in range(values)]
    return [Input(number, one.layout, one.matrix) for number, one in enumerate(inputs)], shape


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(stages(), st.booleans(), SEEDS)
def test_every_transform_computes_the_matrix(
    stage: tuple[list[Input], tuple[int, int, int]], last: bool, seed: int
) -> None:
    inputs, shape = stage
    if last:
        shape = (int(np.prod(shape)), 1, 1)
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=one.matrix.shape[1]) for one in inputs]
    expected = np.sum([one.matrix @ value for one, value in zip(inputs, values, strict=True)], axis=0)
    slots = {
        (one.value, number): np.where(row == EMPTY, rng.normal(size=row.shape), value[row])
        for one, value in zip(inputs, values, strict=True)
        for number, row in enumerate(one.layout.elements)
    }
    found = list(transforms(inputs, shape, [raster(*shape[1:]), polyphase(*shape[1:], 2)], last, [4, 16], switches))
    assert found
    for transform in found:
        out, elements = apply(transform, slots), transform.output.elements
        used = elements != EMPTY
        assert set(elements[used]) == set(range(len(expected)))
        if transform.partial:
            sums = np.bincount(elements[used], weights=out[used], minlength=len(expected))
            assert np.allclose(sums, expected, atol=1e-5)
        else:
            assert np.allclose(out[used], expected[elements[used]], atol=1e-5)


def apply(transform: Transform, slots: dict[tuple[int, int], Array]) -> Array:
    """Terms, giants and folds as `Transform` describes them, one by one."""
    out = np.zeros(transform.output.elements.shape)
    diagonals, steps, vectors = transform.diagonals, transform.steps, transform.vectors()
    for term in range(transform.products):
        rotated = np.roll(slots[transform.sources[diagonals.source[term]]], -steps.baby[term])
        vector = np.tile(vectors[term], transform.output.slots // transform.period)
        out[diagonals.target[term]] += np.roll(rotated * vector, -steps.giant[term])
    for step in transform.folds:
        out += np.roll(out, -step, axis=1)
    return out


@given(st.sets(st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 63)), min_size=1, max_size=40), SEEDS)
def test_baby_and_giant_steps_add_up_and_never_cost_more_than_the_diagonals(
    which: set[tuple[int, int, int]], seed: int
) -> None:
    target, source, step = (np.array(column) for column in zip(*which, strict=True))
    diagonals = Diagonals(target, source, step, np.full(len(step), 64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("compiler.steps._BABIES_OF_KEY", 0.0)
        steps = split(diagonals, {8, 16}, switches)
    assert np.array_equal((steps.giant + steps.baby) % 64, step)
    rotated = {pair for pair in zip(source.tolist(), step.tolist(), strict=True) if pair[1]}
    assert steps.work(diagonals).rotations <= len(rotated)


def test_positions_by_phase_bring_what_a_stride_reads_together() -> None:
    order = polyphase(4, 6, 2)
    assert sorted(order) == list(range(24))
    grid = order.reshape(4, 6)
    assert grid[::2, ::2].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert grid[1::2, ::2].tolist() == [[12, 13, 14], [15, 16, 17]]


def test_odd_sides_leave_gaps_so_that_all_phases_shift_alike() -> None:
    grid = polyphase(5, 5, 2).reshape(5, 5)
    assert np.array_equal(grid[1::2, ::2] - grid[:4:2, ::2], np.full((2, 3), 18))
