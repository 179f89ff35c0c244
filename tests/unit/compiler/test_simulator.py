"""The simulator does in plain what `Stage` says, and what the evaluator does on ciphertexts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.plan.layers import Array
from common.plan.stage import Stage
from compiler.compile import compile_network
from compiler.simulator import run_stage, simulate
from tests.encrypted import evaluator
from tests.networks import random_frames, small_network


@st.composite
def stages(draw: st.DrawFn) -> tuple[Stage, dict[int, Array]]:
    """A stage of any terms, in 16 slots, and values for two frames; value 0 has one ciphertext, value 1 two."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    slots, count = 16, draw(st.integers(1, 12))
    period = draw(st.sampled_from([1, 4, 16]))
    value = rng.integers(0, 2, count)
    targets = draw(st.integers(1, min(3, count)))
    target = np.concatenate([np.arange(targets), rng.integers(0, targets, count - targets)])
    columns = (
        target,
        rng.integers(0, 3, count),
        value,
        rng.integers(0, 1 + value),
        *rng.integers(0, slots, (1, count)),
    )
    stage = Stage(
        shape=(1, 1, 1),
        level=0,
        product_scale=1.0,
        weight_scales={},
        terms=np.stack([*columns, rng.integers(0, 4, count)], axis=1).astype(np.int32),
        vectors=rng.normal(size=(4, period)),
        folds=tuple(draw(st.lists(st.integers(1, slots - 1), max_size=2))),
        bias=rng.normal(size=(targets, slots)),
        square=draw(st.booleans()),
        bits_left=0.0,
    )
    return stage, {0: rng.normal(size=(2, 1, slots)), 1: rng.normal(size=(2, 2, slots))}


@settings(deadline=None)
@given(stages())
def test_a_stage_is_its_terms_folds_and_bias_slot_by_slot(case: tuple[Stage, dict[int, Array]]) -> None:
    stage, values = case
    slots = range(stage.bias.shape[1])
    computed = run_stage(stage, values)
    for frame in range(2):
        expected = np.zeros(stage.bias.shape)
        for target, giant, value, ciphertext, baby, row in stage.terms.tolist():
            for slot in slots:
                inner = (slot + giant) % len(slots)  # slot i of a rotation by s is slot i + s of what is rotated
                weight = stage.vectors[row, inner % stage.vectors.shape[1]]
                expected[target, slot] += weight * values[value][frame, ciphertext, (inner + baby) % len(slots)]
        for step in stage.folds:
            expected = np.array([[row[slot] + row[(slot + step) % len(slots)] for slot in slots] for row in expected])
        assert np.allclose(computed[frame], expected + stage.bias)


@pytest.mark.parametrize("frames_per_ciphertext", [1, 8])
def test_scores_differ_from_those_on_ciphertexts_by_no_more_than_the_error_bound(frames_per_ciphertext: int) -> None:
    network = small_network()
    frames = random_frames(network, 8)
    plan = compile_network(network, frames, frames_per_ciphertext=frames_per_ciphertext)
    encrypted = evaluator(plan)(frames[:frames_per_ciphertext])
    assert np.abs(encrypted - simulate(plan, frames[:frames_per_ciphertext])).max() <= plan.head.error_bound


def test_how_many_frames_are_simulated_at_once_changes_nothing() -> None:
    network = small_network()
    frames = random_frames(network, 7)
    plan = compile_network(network, frames)
    assert np.allclose(simulate(plan, frames, batch=3), simulate(plan, frames), rtol=0, atol=1e-12)
