"""Gains are derivatives of the scores: they are compared with differences of scores of shifted values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from common.plan.costs import shipped_costs
from common.plan.layers import Array
from common.plan.network import Network
from compiler.layout import EMPTY
from compiler.modulus.gains import network_gains
from compiler.search import Candidate, cheapest
from compiler.stages import Affine, fold, normalise
from tests.networks import networks, random_frames

FRAMES, SLOTS = 3, 64
#: A shift of a value to each side: the third derivative and the rounding of a double are both small with it.
SHIFT = 1e-4
THOROUGH = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Shifts:
    """What is added to elements: of a stage's output, of a value for all stages, of a value for one stage."""

    outputs: Mapping[int, Array] = field(default_factory=dict)
    values: Mapping[int, Array] = field(default_factory=dict)
    reads: Mapping[tuple[int, int], Array] = field(default_factory=dict)


def scores(stages: Sequence[Affine], x: Array, shifts: Shifts) -> Array:
    values = [x + shifts.values.get(0, 0.0)]
    for index, stage in enumerate(stages):
        out = stage([value + shifts.reads.get((index, number), 0.0) for number, value in enumerate(values)])
        out = out + shifts.outputs.get(index, 0.0)
        values.append(out**2 + shifts.values.get(index + 1, 0.0))
    return out


def derivatives(stages: Sequence[Affine], x: Array, kind: str, place: object, size: int) -> Array:
    """Of the scores by each element there, shape (frames, scores, elements)."""
    columns = []
    for shift in np.eye(size) * SHIFT:
        up, down = (scores(stages, x, Shifts(**{kind: {place: one}})) for one in (shift, -shift))
        columns.append((up - down) / (2 * SHIFT))
    return np.stack(columns, axis=2)


def normalised(network: Network) -> tuple[list[Affine], Array, Candidate]:
    x = network.input_values(random_frames(network, FRAMES)).reshape(FRAMES, -1)
    stages, _ = normalise(fold(network), x)
    candidate = cheapest(stages, 4096, SLOTS, shipped_costs(), sealed=False)
    assume(candidate is not None)
    assert candidate is not None
    return stages, x, candidate


def close(gain: Array, expected: Array) -> bool:
    return np.allclose(gain, expected, rtol=1e-4, atol=1e-6 * max(1.0, float(np.abs(expected).max())))


@THOROUGH
@given(networks(largest_side=4, most_stages=3))
def test_gains_of_outputs_and_of_values_are_sums_of_squared_derivatives(network: Network) -> None:
    stages, x, candidate = normalised(network)
    for index, gains in enumerate(network_gains(stages, candidate, x)):
        by_output = derivatives(stages, x, "outputs", index, stages[index].size) ** 2
        assert close(gains.output.total, by_output.sum(axis=2))
        slot_0 = candidate.elements(index + 1)[:, 0]
        assert close(gains.output.first, by_output[:, :, slot_0[slot_0 != EMPTY]].sum(axis=2))
        size = stages[index - 1].size if index else x.shape[1]
        by_value = derivatives(stages, x, "values", index, size) ** 2
        assert close(gains.value.total, by_value.sum(axis=2))
        slot_0 = candidate.elements(index)[:, 0]
        assert close(gains.value.first, by_value[:, :, slot_0[slot_0 != EMPTY]].sum(axis=2))


@THOROUGH
@given(networks(largest_side=4, most_stages=3))
def test_gains_of_inputs_count_what_one_stage_reads_and_what_it_rotates_to_slot_0(network: Network) -> None:
    stages, x, candidate = normalised(network)
    values = [x]
    for index, gains in enumerate(network_gains(stages, candidate, x)):
        means = {value: np.mean(values[value] * values[value]) for value in stages[index].matrices}
        assert gains.occupancy == pytest.approx(means)
        values.append(stages[index](values) ** 2)
        assert gains.by_input.keys() == gains.occupancy.keys() == stages[index].matrices.keys()
        for value, gain in gains.by_input.items():
            by_input = derivatives(stages, x, "reads", (index, value), stages[index].matrices[value].shape[1]) ** 2
            assert close(gain.total, by_input.sum(axis=2))
            effects = np.append(by_input, np.zeros((FRAMES, by_input.shape[1], 1)), axis=2)  # EMPTY is the last one
            slot_0 = _slot_0(candidate, index, value)
            share = candidate.layout(value).ciphertexts / max(len(slot_0), 1)
            assert close(gain.first, effects[:, :, slot_0].sum(axis=2) * share)


def _slot_0(candidate: Candidate, index: int, value: int) -> list[int]:
    """The element in slot 0 of each ciphertext of a value, rotated by each baby that a stage rotates it by."""
    transform = candidate.transforms[index]
    rotations = {
        (transform.sources[source], baby)
        for source, baby in zip(transform.diagonals.source.tolist(), transform.steps.baby.tolist(), strict=True)
        if baby
    }
    return [
        int(np.roll(candidate.elements(value)[number], -baby)[0]) for (read, number), baby in rotations if read == value
    ]
