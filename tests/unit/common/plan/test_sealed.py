"""A sealed plan's file: encrypted weights come back one by one, and nothing else is taken for them."""

from pathlib import Path

import numpy as np
import pytest

from common.ckks.fhe import Context
from common.errors import PlanError
from common.plan.layers import Dense
from common.plan.network import Network
from common.plan.plan import Plan, encode_stages
from common.plan.sealed import SealedPlan, ciphertext_count, load_served, open_sealed, seal
from compiler.compile import compile_network
from tests.networks import random_frames, small_network

FINGERPRINT = "ab" * 32


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_network(small_network(), random_frames(small_network(), 10), sealed=True)


@pytest.fixture(scope="module")
def context(plan: Plan) -> Context:
    made = Context(plan.head.parameters)
    made.generate_keys(plan.head.rotations)
    return made


@pytest.fixture
def file(plan: Plan, context: Context, tmp_path: Path) -> Path:
    seal(plan, context, FINGERPRINT, tmp_path / "small.sealed", lambda _: None)
    return tmp_path / "small.sealed"


def decrypted(sealed: SealedPlan, number: int, scale: float, context: Context) -> np.ndarray:
    return context.decrypt(context.load_ciphertext(sealed.residues(number), scale))


def test_the_key_holder_finds_every_weight_and_bias_in_it(plan: Plan, context: Context, file: Path) -> None:
    sealed = open_sealed(file)
    for stage, places in zip(plan.stages, sealed.stage_places, strict=True):
        slots = plan.head.parameters.slots
        for (value, row), number in places.weights.items():
            found = decrypted(sealed, number, stage.weight_scales[value], context)
            assert np.allclose(found, np.tile(stage.vectors[row], slots // stage.vectors.shape[1]), atol=0.02)
        for target, number in enumerate(places.biases):
            assert np.allclose(decrypted(sealed, number, stage.product_scale, context), stage.bias[target], atol=1e-4)


def test_its_head_names_the_key_set_and_its_hash_is_its_own(plan: Plan, context: Context, file: Path) -> None:
    sealed = open_sealed(file)
    assert sealed.plan.head.sealed_for == FINGERPRINT
    assert sealed.plan.head.hash != plan.head.hash
    again = file.with_name("again.sealed")
    head = seal(plan, context, FINGERPRINT, again, lambda _: None)
    assert head.hash != sealed.plan.head.hash  # encryption is randomised, and the hash covers the ciphertexts
    assert open_sealed(again).plan.head.hash == head.hash


def test_progress_counts_its_ciphertexts(plan: Plan, context: Context, tmp_path: Path) -> None:
    done: list[int] = []
    seal(plan, context, FINGERPRINT, tmp_path / "x", done.append)
    assert sum(done) == ciphertext_count(plan) == len(open_sealed(tmp_path / "x").places)


def test_it_holds_no_weight(plan: Plan, file: Path) -> None:
    sealed = open_sealed(file).plan
    assert all(stage.vectors.size == 0 and stage.bias.size == 0 for stage in sealed.stages)
    numbers = np.concatenate([part.reshape(-1) for stage in plan.stages for part in (stage.vectors, stage.bias)])
    weights = numbers[numbers != 0].astype(np.float64).view(np.uint64)
    for data in (file.read_bytes(), sealed.head.encode() + encode_stages(sealed.stages)):
        for offset in range(8):
            words = np.frombuffer(data, np.uint64, count=(len(data) - offset) // 8, offset=offset)
            assert not np.isin(words, weights).any()


def test_zero_weights_show_no_more_than_others(plan: Plan) -> None:
    network = small_network()
    dense = network.layers[1]
    assert isinstance(dense, Dense)
    sparse = np.where(np.random.default_rng(1).random(dense.weight.shape) < 0.5, 0.0, dense.weight)
    layers = (network.layers[0], Dense(sparse, dense.bias), *network.layers[2:])
    other = compile_network(
        Network(network.name, network.frame_shape, network.labels, layers), random_frames(network, 10), sealed=True
    )
    for one, two in zip(plan.stages, other.stages, strict=True):
        assert np.array_equal(one.terms, two.terms)


def test_a_plan_that_was_not_compiled_for_it_is_refused(context: Context, tmp_path: Path) -> None:
    plan = compile_network(small_network(), random_frames(small_network(), 10))
    with pytest.raises(PlanError, match=r"no room for the noise of encrypted weights; compile it with: .* --sealed"):
        seal(plan, context, FINGERPRINT, tmp_path / "x", lambda _: None)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_leaves_nothing(plan: Plan, context: Context, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="can't write the sealed plan"):
        seal(plan, context, FINGERPRINT, tmp_path / "no" / "x", lambda _: None)


@pytest.mark.parametrize("size", [0, 5, 12, 100, -1])
def test_a_file_that_is_cut_off_is_refused(file: Path, size: int) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:size])
    with pytest.raises(PlanError, match=r"isn't a sealed plan|cut off|bytes where"):
        open_sealed(file)


def test_an_altered_structure_is_refused_at_once_and_an_altered_weight_when_it_is_read(file: Path) -> None:
    data = bytearray(file.read_bytes())
    first = data.index(b"\0" * 64) - 1
    altered = bytearray(data)
    altered[first - 40] ^= 1
    file.write_bytes(altered)
    with pytest.raises(PlanError, match="damaged or was altered"):
        open_sealed(file)
    data[-1] ^= 1
    file.write_bytes(data)
    sealed = open_sealed(file)
    sealed.residues(0)
    with pytest.raises(PlanError, match="damaged or was altered"):
        sealed.residues(len(sealed.places) - 1)


def test_workers_load_either_kind_of_plan(plan: Plan, file: Path) -> None:
    plan.save(file.with_name("small.plan"))
    assert isinstance(load_served(file.with_name("small.plan")), Plan)
    assert isinstance(load_served(file), SealedPlan)
    with pytest.raises(PlanError, match="can't read the plan"):
        load_served(file.with_name("nowhere"))
