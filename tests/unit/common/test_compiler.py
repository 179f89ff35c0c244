"""For every network: folding, layouts and diagonals change how it is computed, never what."""

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.compiler import compile_network
from common.errors import CapacityError, FrameError, NetworkError, PlanError
from common.folding import Affine, evaluate, fold, normalise
from common.layers import Crop, Dense, Flatten, Polynomial
from common.layout import Layout, block_layout
from common.network import Network
from common.parameters import max_modulus_bits
from common.plan import Plan, load_head, load_plan, stage_rotations
from common.simulator import _run_stage, simulate
from common.transform import Transform, split, transforms
from tests.networks import networks, random_conv, random_dense, random_frames, random_polynomial

RNG = np.random.default_rng(1)
#: Random weights may amplify errors beyond any chain's precision; here only the layout is in question.
LOOSE = 0.5
THOROUGH = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@THOROUGH
@given(networks())
def test_folding_and_normalising_preserve_the_function(network: Network) -> None:
    x = network.input_values(random_frames(network, 8)).reshape(8, -1)
    expected = network.scores(random_frames(network, 8))
    stages = fold(network)
    assert np.allclose(evaluate(stages, x), expected, atol=1e-8 * max(1, np.abs(expected).max()))
    scaled, factor = normalise(stages, x)
    assert np.allclose(factor * evaluate(scaled, x), expected, atol=1e-8 * max(1, np.abs(expected).max()))
    for stage in scaled:
        x = stage(x)
        assert np.abs(x).max() <= 1 + 1e-9
        x = x**2


@st.composite
def stages_in_slots(draw: st.DrawFn) -> tuple[Affine, Layout]:
    """A random matrix, dense or sparse, and a layout that may repeat its inputs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    slots = draw(st.sampled_from([32, 64]))
    channels, positions = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    inputs = draw(st.integers(1, 16))
    matrix = rng.normal(size=(channels * positions, inputs))
    matrix *= rng.random(matrix.shape) < draw(st.sampled_from([0.3, 1.0]))
    matrix[0, 0] = 1.0
    rows = draw(st.integers(1, slots // 16))
    blocks = np.tile(np.arange(inputs, dtype=np.int32), (rows, 1))
    return Affine(matrix, np.zeros(len(matrix)), (channels, positions)), block_layout(blocks, 16, slots)


def apply(transform: Transform, slots: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros_like(slots)
    for giant, babies in transform.terms.items():
        inner = sum(vector * np.roll(slots, -baby) for baby, vector in babies.items())
        total += np.roll(inner, -giant)
    for step in transform.folds:
        total = total + np.roll(total, -step)
    return total


@settings(max_examples=150, deadline=None)
@given(stages_in_slots(), st.booleans())
def test_every_transform_computes_the_matrix(stage_and_layout: tuple[Affine, Layout], last: bool) -> None:
    stage, layout = stage_and_layout
    x = RNG.normal(size=stage.matrix.shape[1])
    slots = np.where(layout.elements >= 0, x[layout.elements], RNG.normal(size=layout.slots))  # the rest: garbage
    found = list(transforms(stage, layout, last))
    assert found
    for transform in found:
        out = apply(transform, slots)
        used = transform.output.elements >= 0
        if transform.partial:
            values = np.bincount(transform.output.elements[used], weights=out[used], minlength=len(stage.matrix))
            assert np.allclose(values, stage.matrix @ x)
        else:
            assert np.allclose(out[used], (stage.matrix @ x)[transform.output.elements[used]])
            assert set(transform.output.elements[used]) == set(range(len(stage.matrix)))


@given(st.sets(st.integers(0, 63), min_size=1, max_size=40))
def test_baby_and_giant_steps_add_up_and_never_cost_more_than_the_diagonals(steps: set[int]) -> None:
    diagonals = {step: np.random.default_rng(step).normal(size=64) for step in steps}
    terms = split(diagonals, 64)
    assert {(giant + baby) % 64 for giant, babies in terms.items() for baby in babies} == steps
    for giant, babies in terms.items():
        for baby, vector in babies.items():
            assert np.array_equal(np.roll(vector, -giant), diagonals[(giant + baby) % 64])
    rotations = {baby for babies in terms.values() for baby in babies} - {0}
    assert len(rotations) + len(set(terms) - {0}) <= len(steps)


def test_the_convolution_of_digits_takes_six_rotations() -> None:
    layers = (Crop(2, 2, 24, 24), random_conv(RNG, 32, 1, (4, 4), stride=2), random_polynomial(RNG, 32), Flatten())
    network = Network("n", (28, 28, 1), ("a",), (*layers, random_dense(RNG, 1, 3872)))
    plan = compile_network(network, random_frames(network, 10))
    assert (len(plan.stages[0].terms), stage_rotations(plan.stages[0])) == (16, 6)


@settings(THOROUGH, max_examples=25)
@given(networks())
def test_a_plan_computes_its_network(network: Network) -> None:
    frames = random_frames(network, 16)
    assume(all(stage.matrix.any() for stage in fold(network)))  # windows of padding alone depend on no frame
    plan = compile_network(network, frames, error_budget=LOOSE)
    expected = network.scores(frames)
    assert np.allclose(simulate(plan, frames), expected, atol=1e-3 * max(1e-3, np.abs(expected).max()))
    _check_head(plan)


@pytest.mark.parametrize("security", [128, 192, 256])
def test_a_plan_is_within_the_bound_of_its_security_level(security: int) -> None:
    network = small_network()
    parameters = compile_network(network, random_frames(network, 10), security).head.parameters
    assert parameters.security_bits == security
    assert parameters.modulus_bits <= max_modulus_bits(security, parameters.ring_dimension)


def test_compiling_twice_gives_the_same_plan() -> None:
    network = small_network()
    first, second = (compile_network(network, random_frames(network, 10)) for _ in range(2))
    assert first.head.hash == second.head.hash


def test_a_network_too_large_is_refused_with_the_slots_it_needs() -> None:
    layers = (random_conv(RNG, 30, 1, (3, 3)), random_polynomial(RNG, 30), Flatten())
    network = Network("n", (30, 30, 1), ("a",), (*layers, random_dense(RNG, 1, 30 * 28 * 28)))
    with pytest.raises(CapacityError, match=r"needs 23520 slots.*has 16384"):
        compile_network(network, random_frames(network, 4))


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


def test_a_layer_behind_an_activation_that_does_not_fit_is_named_by_its_place() -> None:
    layers = (Flatten(), random_dense(RNG, 2, 4), random_polynomial(RNG, 2), random_dense(RNG, 1, 3))
    with pytest.raises(NetworkError, match=r"layer 3 \(Dense\): Dense takes 3 features"):
        fold(Network("n", (2, 2, 1), ("a",), layers))
    with pytest.raises(NetworkError, match=r"layer 2 \(Polynomial\): Polynomial has 3 channels, its input 2"):
        fold(Network("n", (2, 2, 1), ("a", "b"), (*layers[:2], random_polynomial(RNG, 3))))


def test_no_frames_to_calibrate_on_is_an_error() -> None:
    with pytest.raises(FrameError, match="no frames to calibrate on"):
        compile_network(small_network(), random_frames(small_network(), 0))


@settings(THOROUGH, max_examples=20)
@given(networks(), st.sampled_from([1, 32]))
def test_black_white_and_noise_leave_room_in_the_last_modulus(network: Network, dullness: int) -> None:
    assume(all(stage.matrix.any() for stage in fold(network)))
    plan = compile_network(network, random_frames(network, 16) // dullness, error_budget=LOOSE)
    shape = (1, *network.frame_shape)
    noise = np.random.default_rng(0).integers(0, 2, (8, *network.frame_shape), np.uint8) * 255
    for frame in (*np.full(shape, 255, np.uint8), *np.zeros(shape, np.uint8), *noise):
        slots = plan.head.lay_out(frame)[None]
        for stage in plan.stages:
            slots = _run_stage(stage, slots)
        modulus = 2.0 ** plan.head.parameters.prime_bits[0]
        assert np.abs(slots).max() * plan.head.output_scale < modulus / 2


def test_weights_that_are_all_zero_are_refused() -> None:
    network = Network("n", (2, 2, 1), ("a",), (Flatten(), Dense(np.zeros((1, 4)), np.ones(1))))
    with pytest.raises(NetworkError, match="only zero weights"):
        compile_network(network, random_frames(network, 4))


def test_an_activation_that_is_linear_in_some_channels_is_refused_by_layer_and_channel() -> None:
    polynomial = Polynomial(np.array([1.0, 0.0]), np.ones(2), np.zeros(2))
    layers = (Flatten(), random_dense(RNG, 2, 4), polynomial, random_dense(RNG, 1, 2))
    with pytest.raises(NetworkError, match=r"layer 2 \(Polynomial\) has a = 0 in channel 1"):
        fold(Network("n", (2, 2, 1), ("a",), layers))


def test_labels_that_are_not_as_many_as_scores_are_refused() -> None:
    network = Network("n", (2, 2, 1), ("a", "b"), (Flatten(), random_dense(RNG, 3, 4)))
    with pytest.raises(NetworkError, match="ends in 3 scores but names 2 labels"):
        fold(network)


def small_network() -> Network:
    layers = (Flatten(), random_dense(np.random.default_rng(5), 8, 16), random_polynomial(np.random.default_rng(6), 8))
    return Network("small", (4, 4, 1), tuple("abc"), (*layers, random_dense(np.random.default_rng(7), 3, 8)))


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Plan, Path]:
    network = small_network()
    plan = compile_network(network, random_frames(network, 10))
    plan.save(tmp_path / "small.plan")
    plan.save_head(tmp_path / "small.head")
    return plan, tmp_path / "small.plan"


def test_a_plan_comes_back_and_plan_and_head_files_name_the_same(saved: tuple[Plan, Path]) -> None:
    plan, path = saved
    loaded = load_plan(path)
    assert loaded.head.hash == plan.head.hash == load_head(path).hash == load_head(path.with_suffix(".head")).hash
    frames = random_frames(small_network(), 4)
    assert np.array_equal(simulate(loaded, frames), simulate(plan, frames))


def test_a_head_alone_is_refused_where_the_plan_is_needed(saved: tuple[Plan, Path]) -> None:
    with pytest.raises(PlanError, match="only the head"):
        load_plan(saved[1].with_suffix(".head"))


def test_an_altered_body_has_a_wrong_hash(saved: tuple[Plan, Path]) -> None:
    data = bytearray(saved[1].read_bytes())
    data[-10] ^= 1
    saved[1].write_bytes(data)
    with pytest.raises(PlanError, match=r"wrong hash.*blindsight model compile"):
        load_plan(saved[1])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 5000), st.integers(0, 7))
def test_an_altered_plan_is_refused_or_another_plan(saved: tuple[Plan, Path], position: int, bit: int) -> None:
    plan, path = saved
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << bit
    altered = path.with_name("altered.plan")
    altered.write_bytes(data)
    try:
        loaded = load_plan(altered)
    except PlanError:
        return
    assert loaded.head.hash != plan.head.hash


@pytest.mark.parametrize("data", [b"", b"BSPLAN1\0", b"BSPLAN1\0\xff\xff\xff\x7f", b"PK\x03\x04" * 10])
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.plan").write_bytes(data)
    with pytest.raises(PlanError, match=re.escape(str(tmp_path / "x.plan"))):
        load_plan(tmp_path / "x.plan")


def _check_head(plan: Plan) -> None:
    """The head lists the rotations of the stages, each up to its highest level, and no other."""
    used: dict[int, int] = {}
    for stage in plan.stages:
        steps = {step for giant, baby, _ in stage.terms for step in (giant, baby) if step} | set(stage.folds)
        used.update({step: max(used.get(step, 0), stage.level) for step in steps})
    assert plan.head.rotations == used
    assert msgspec.structs.replace(plan.head, model="another").hash != plan.head.hash
