"""For every network: layouts, diagonals and chains change how it is computed, never what."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from blindsight.measure.machine import save_costs
from common.ckks.parameters import RING_DIMENSIONS, max_modulus_bits
from common.errors import CapacityError, FrameError, NetworkError, ParameterError, PlanError
from common.plan.costs import costs_path, shipped_costs
from common.plan.layers import Crop, Dense, Flatten, Polynomial
from common.plan.network import Network
from common.plan.plan import Plan
from common.plan.plan_check import check_stages
from compiler.compile import compile_network
from compiler.modulus.budget import _MOST_HEADROOM_BITS, ChainChoice, ChainSearch
from compiler.simulator import run_stage, simulate
from models.catalogue import load_network, plan_path
from models.plans import compile_plan
from models.samples import load_samples
from tests.networks import (
    deep_network,
    networks,
    random_conv,
    random_dense,
    random_frames,
    random_polynomial,
    small_network,
)
from tests.plans import digits, small_digits

RNG = np.random.default_rng(1)
#: Random weights may amplify errors beyond any chain's precision; here only the layout is in question.
LOOSE = 0.5
THOROUGH = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
def test_the_convolution_of_digits_takes_eight_rotations_of_which_seven_share_their_digits() -> None:
    layers = (Crop(2, 2, 24, 24), random_conv(RNG, 32, 1, (4, 4), stride=2), random_polynomial(RNG, 32), Flatten())
    network = Network("n", (28, 28, 1), ("a",), (*layers, random_dense(RNG, 1, 3872)))
    plan = compile_network(network, random_frames(network, 10))
    assert (len(plan.stages[0].terms), plan.stages[0].rotations_of_sources, plan.stages[0].rotations) == (16, [7], 8)


@pytest.mark.slow
@settings(THOROUGH, max_examples=60)
@given(networks(), st.sampled_from([1, 1, 64, 256, 1024, 2048]))
def test_a_plan_computes_its_network(network: Network, frames_per_ciphertext: int) -> None:
    frames = random_frames(network, 16)
    try:
        plan = compile_network(network, frames, 128, LOOSE, frames_per_ciphertext)
    except CapacityError:  # random weights may amplify errors beyond any chain's precision
        reject()
    expected = network.scores(frames)
    assert np.allclose(simulate(plan, frames), expected, atol=1e-3 * max(1e-3, np.abs(expected).max()))
    _check_head(plan)


@pytest.mark.slow
def test_a_small_plan_of_digits_needs_nine_keys_and_no_more_rotations() -> None:
    fast, small = digits(), small_digits()
    assert (len(fast.head.rotations), len(small.head.rotations)) == (26, 8)  # and one for relinearisation
    assert (small.rotations, fast.rotations) == (26, 30)
    frames = load_samples("digits").frames[:20]
    assert np.abs(simulate(small, frames) - load_network("digits").scores(frames)).max() <= small.head.error_bound


@pytest.mark.parametrize("security", [128, 192, 256])
def test_a_plan_is_within_the_bound_of_its_security_level(security: int) -> None:
    network = small_network()
    parameters = compile_network(network, random_frames(network, 10), security).head.parameters
    assert parameters.security_bits == security
    assert parameters.modulus_bits <= max_modulus_bits(security, parameters.ring_dimension)


def test_a_plan_with_many_squares_stays_within_its_modulus(monkeypatch: pytest.MonkeyPatch) -> None:
    run = ChainSearch.run

    def with_early_only(search: ChainSearch, bits: int, early: tuple[int, ...], budget: float) -> ChainChoice | None:
        return run(search, bits, early, budget) if early else None  # other chains take long to be found wanting

    monkeypatch.setattr(ChainSearch, "run", with_early_only)
    network = deep_network(7)
    plan = compile_network(network, random_frames(network, 16), 128, 0.0625)
    modulus_bits = plan.head.parameters.primes[0].bit_length()
    assert math.log2(plan.head.output_scale) < modulus_bits - 2
    check_stages(plan.head, plan.stages)


def test_a_plan_that_no_worker_would_load_is_not_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_network()
    monkeypatch.setattr("compiler.compile._rotation_levels", lambda *_: {})
    with pytest.raises(PlanError, match=r"stage 0: rotations: .* the head has no such key"):
        compile_network(network, random_frames(network, 10))


def test_compiling_twice_gives_the_same_plan() -> None:
    network = small_network()
    first, second = (compile_network(network, random_frames(network, 10)) for _ in range(2))
    assert first.head.hash == second.head.hash


@pytest.mark.slow
def test_a_tensor_larger_than_a_ciphertext_takes_several() -> None:
    layers = (random_conv(RNG, 30, 1, (3, 3)), random_polynomial(RNG, 30), Flatten())
    network = Network("n", (30, 30, 1), ("a",), (*layers, random_dense(RNG, 1, 30 * 28 * 28)))
    frames = random_frames(network, 4)
    plan = compile_network(network, frames)
    assert plan.stages[0].targets * plan.head.parameters.slots >= 30 * 28 * 28 > plan.head.parameters.slots
    assert np.allclose(simulate(plan, frames), network.scores(frames), atol=1e-3)


def test_with_as_many_frames_as_slots_no_rotation_is_left() -> None:
    network = small_network()
    frames = random_frames(network, 10)
    plan = compile_network(network, frames, frames_per_ciphertext=4096)
    assert (plan.head.parameters.slots, plan.rotations, plan.head.rotations) == (4096, 0, {})
    assert plan.head.input_ciphertexts == 16
    assert np.allclose(simulate(plan, frames), network.scores(frames), atol=1e-3)


@pytest.mark.slow
def test_windows_in_the_order_of_the_next_stride_save_rotations() -> None:
    layers = (
        random_conv(RNG, 8, 1, (3, 3), stride=2, padding=1),
        random_polynomial(RNG, 8),
        random_conv(RNG, 8, 8, (3, 3), stride=2, padding=1),
        random_polynomial(RNG, 8),
        Flatten(),
        random_dense(RNG, 3, 8 * 64),
    )
    plan = compile_network(
        Network("n", (32, 32, 1), tuple("abc"), layers), RNG.integers(0, 256, (8, 32, 32), dtype=np.uint8)
    )
    # 3×3 offsets of 8×8 channels are 576 matrices of weights, in 4 shifts × 32 differences of blocks or fewer.
    assert len(plan.stages[1].terms) <= 128
    assert plan.stages[1].rotations <= 24


@pytest.mark.parametrize("frames", [0, 3, 32768])
def test_a_number_of_frames_that_is_no_power_of_two_is_refused(frames: int) -> None:
    network = small_network()
    with pytest.raises(ParameterError, match=f"frames_per_ciphertext is {frames}; give a power of two"):
        compile_network(network, random_frames(network, 4), frames_per_ciphertext=frames)


def test_a_network_too_deep_is_refused_with_its_rescalings() -> None:
    layers = [Flatten()]
    for _ in range(14):
        layers += [Dense(np.eye(4), np.zeros(4)), Polynomial(np.full(4, 0.9), np.full(4, 0.1), np.zeros(4))]
    network = Network("n", (2, 2, 1), tuple("abcd"), tuple(layers))
    with pytest.raises(CapacityError, match="14 rescalings at 256-bit security"):
        compile_network(network, random_frames(network, 4), 256)


def test_values_that_grow_without_bound_are_refused_by_stage() -> None:
    layers = [Flatten()]
    for _ in range(9):
        layers += [Dense(np.eye(4) * 3, np.zeros(4)), Polynomial(np.full(4, 3.0), np.zeros(4), np.zeros(4))]
    network = Network("n", (2, 2, 1), tuple("abcd"), tuple(layers))
    with pytest.raises(NetworkError, match=r"values reach .* in linear stage"):
        compile_network(network, np.full((2, 2, 2, 1), 255, np.uint8))


def test_no_frames_to_calibrate_on_is_an_error() -> None:
    with pytest.raises(FrameError, match="no frames to calibrate on"):
        compile_network(small_network(), random_frames(small_network(), 0))


@pytest.mark.slow
@settings(THOROUGH, max_examples=20)
@given(networks(), st.sampled_from([1, 32]))
def test_black_white_and_noise_leave_room_in_the_last_modulus(network: Network, dullness: int) -> None:
    usual = random_frames(network, 16) // dullness
    plan = compile_network(network, usual, error_budget=LOOSE)
    shape = (1, *network.frame_shape)
    noise = np.random.default_rng(0).integers(0, 2, (8, *network.frame_shape), np.uint8) * 255
    room = 2.0 ** (plan.head.parameters.prime_bits[0] - 1) / plan.head.output_scale
    most = _MOST_HEADROOM_BITS + math.log2(max(_peak(plan, frame) for frame in usual))
    for frame in (*np.full(shape, 255, np.uint8), *np.zeros(shape, np.uint8), *noise):
        peak = _peak(plan, frame)
        assert peak < room or math.log2(peak) > most  # noise through many squares may grow beyond any chain


def _peak(plan: Plan, frame: np.ndarray) -> float:
    """The largest slot of a frame's scores, computed in plain."""
    values = [plan.head.frame_slots(frame[None])]
    for stage in plan.stages:
        values.append(run_stage(stage, dict(enumerate(values))) ** (2 if stage.square else 1))
    return float(np.abs(values[-1]).max())


def test_weights_that_are_all_zero_are_refused() -> None:
    network = Network("n", (2, 2, 1), ("a",), (Flatten(), Dense(np.zeros((1, 4)), np.ones(1))))
    with pytest.raises(NetworkError, match="only zero weights"):
        compile_network(network, random_frames(network, 4))


def _check_head(plan: Plan) -> None:
    """The head lists the rotations of the stages, each up to its highest level, and no other."""
    used: dict[int, int] = {}
    for stage in plan.stages:
        assert not stage.chained
        steps = {*stage.terms[:, [1, 4]].reshape(-1).tolist(), *stage.folds} - {0}
        for step in (step * plan.head.frames_per_ciphertext for step in steps):
            used[step] = max(used.get(step, 0), stage.level)
    assert plan.head.rotations == used
    assert msgspec.structs.replace(plan.head, model="another").hash != plan.head.hash


@pytest.mark.slow
def test_digits_is_compiled_to_the_file_that_ships_whatever_this_machine_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    slow = dict.fromkeys(RING_DIMENSIONS, 1e6)
    save_costs([msgspec.structs.replace(shipped_costs(), transform=slow)], costs_path())
    compile_plan("digits", 128).save(tmp_path / "digits.plan")
    assert (tmp_path / "digits.plan").read_bytes() == plan_path("digits", 128).read_bytes()
