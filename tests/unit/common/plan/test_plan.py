"""A plan's file: what was written comes back, and nothing else is taken for it."""

import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from common.errors import FrameError, PlanError
from common.plan.layers import Dense, Linear, Multiply, Polynomial
from common.plan.plan import Plan, PlanHead
from common.plan.plan_file import load_head, load_plan
from compiler.compile import compile_network
from compiler.simulator import simulate
from models.catalogue import load_network, plan_path
from models.plans import get_plan
from tests.networks import joining_network, random_frames, small_network


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


@pytest.fixture
def split_plan(tmp_path: Path) -> tuple[Plan, Path]:
    """A plan whose front is `small_network`'s first dense layer and activation."""
    network = small_network()
    plan = compile_network(network, random_frames(network, 10), encrypt_from=3)
    plan.save(tmp_path / "small.plan")
    plan.save_head(tmp_path / "small.head")
    return plan, tmp_path / "small.plan"


def test_devices_get_the_front_with_their_head_and_workers_never(split_plan: tuple[Plan, Path]) -> None:
    plan, path = split_plan
    head = load_head(path.with_suffix(".head"))
    assert load_plan(path).head.hash == head.hash == plan.head.hash
    frames = random_frames(small_network(), 4)
    assert np.array_equal(head.lay_out(frames[:1]), plan.head.lay_out(frames[:1]))
    worker_sees, device_has = everything_in(path), everything_in(path.with_suffix(".head"))
    dense = small_network().layers[1]
    assert isinstance(dense, Dense)
    for row in dense.weight:
        assert row.tobytes() in device_has
        for form in (row, row.astype(np.float32)):
            assert all(form[start : start + 2].tobytes() not in worker_sees for start in range(len(form) - 1))


def everything_in(path: Path) -> bytes:
    """A plan's or head's file, what is in zlib also unpacked."""
    data = path.read_bytes()
    start = 12 + int.from_bytes(data[8:12], "little")
    return data + zlib.decompress(data[start:])


def test_the_workers_file_of_a_split_plan_is_refused_for_frames(split_plan: tuple[Plan, Path]) -> None:
    head = load_head(split_plan[1])
    with pytest.raises(PlanError, match=r"layers that the device runs before it encrypts.*give the \.head file"):
        head.check_front()
    with pytest.raises(PlanError, match=r"\.head file"):
        head.lay_out(random_frames(small_network(), 1))


def test_a_front_of_sparse_matrices_and_products_comes_back(tmp_path: Path) -> None:
    network = joining_network()
    frames = random_frames(network, 10)
    plan = compile_network(network, frames, encrypt_from=3)
    plan.save_head(tmp_path / "joining.head")
    head = load_head(tmp_path / "joining.head")
    assert [type(layer) for layer in head.front] == [Linear, Linear, Multiply, Polynomial]
    assert np.array_equal(head.lay_out(frames[:1]), plan.head.lay_out(frames[:1]))


def test_a_head_with_a_front_is_refused_where_the_plan_is_needed(split_plan: tuple[Plan, Path]) -> None:
    with pytest.raises(PlanError, match="only the head"):
        load_plan(split_plan[1].with_suffix(".head"))


def test_an_altered_front_has_a_wrong_hash(split_plan: tuple[Plan, Path]) -> None:
    path = split_plan[1].with_suffix(".head")
    whole = path.read_bytes()
    start = 12 + int.from_bytes(whole[8:12], "little")
    front = bytearray(zlib.decompress(whole[start:]))
    front[-10] ^= 1
    path.write_bytes(whole[:start] + zlib.compress(front))
    with pytest.raises(PlanError, match=r"wrong hash.*another front.*Copy it again"):
        load_head(path)
    path.write_bytes(whole[:-20])
    with pytest.raises(PlanError, match=r"is damaged.*copy it again"):
        load_head(path)


def test_the_shipped_plan_keeps_the_hash_that_it_was_published_under() -> None:
    assert load_head(plan_path("digits", 128)).hash.startswith("e612f0a621c3")


def test_a_plan_of_before_a_stricter_floor_is_refused_with_the_advice_to_compile_again(tmp_path: Path) -> None:
    # The head of digits as it was published when 218 bits were allowed.
    path = Path(__file__).parents[3] / "data" / "plans" / "digits-216.head"
    with pytest.raises(PlanError, match=r"digits-216\.head was compiled by an earlier.*216 bits.*model compile"):
        load_head(path)
    whole = tmp_path / "old.plan"
    whole.write_bytes(path.read_bytes() + zlib.compress(b"body"))
    with pytest.raises(PlanError, match=r"old\.plan was compiled by an earlier version.*at most 214.*model compile"):
        load_plan(whole)


def test_a_head_alone_is_refused_where_the_plan_is_needed(saved: tuple[Plan, Path]) -> None:
    with pytest.raises(PlanError, match="only the head"):
        load_plan(saved[1].with_suffix(".head"))


def test_an_altered_body_has_a_wrong_hash(saved: tuple[Plan, Path]) -> None:
    whole, head = saved[1].read_bytes(), saved[1].with_suffix(".head").read_bytes()
    body = bytearray(zlib.decompress(whole[len(head) :]))
    body[-10] ^= 1
    saved[1].write_bytes(head + zlib.compress(body))
    with pytest.raises(PlanError, match=r"wrong hash.*blindsight model compile"):
        load_plan(saved[1])
    saved[1].write_bytes(whole[:-20])
    with pytest.raises(PlanError, match=r"is damaged.*copy it again"):
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


@pytest.mark.parametrize("frames", [1, 3, 4])
@pytest.mark.slow
def test_frames_that_share_a_ciphertext_interleave(frames: int) -> None:
    network = small_network()
    head = compile_network(network, random_frames(network, 10), frames_per_ciphertext=4).head
    given_frames = random_frames(network, frames)
    together = head.lay_out(given_frames).reshape(*head.input_layout.shape, 4)
    for number, frame in enumerate(given_frames):
        alone = head.lay_out(frame[None]).reshape(*head.input_layout.shape, 4)
        assert np.array_equal(together[..., number], alone[..., 0])
    assert not together[..., frames:].any()


def head_of(layout: list[list[int]], frames: int = 1) -> PlanHead:
    """A head with this input layout in the first slots, which all others repeat."""
    head = get_plan("digits", 128).head
    repeated = np.tile(np.array(layout), head.parameters.slots // frames // len(layout[0]))
    return replace(head, input_layout=repeated, frames_per_ciphertext=frames)


def test_a_plan_folds_where_the_layout_of_each_ciphertext_repeats_after_half_of_the_slots() -> None:
    head = head_of([[0, 1, -1, 2], [3, 4, 5, 6]])
    assert head.folds
    assert np.array_equal(*np.split(head.lay_out(np.full((1, *head.frame_shape), 9, np.uint8)), 2, axis=1))
    once = head.input_layout.copy()
    once[1, 5] = -1
    assert not replace(head, input_layout=once).folds
    assert not replace(head, whole_input=True).folds


@pytest.mark.parametrize(("frames", "folds"), [(8, True), (2048, True), (4096, False)])
def test_frames_that_share_a_ciphertext_fold_together(frames: int, folds: bool) -> None:
    head = head_of([[7 * 28 + 7]], frames)
    assert head.folds == folds
    pictures = np.random.default_rng(0).integers(0, 256, (frames, *head.frame_shape), np.uint8)
    assert np.array_equal(*np.split(head.lay_out(pictures), 2, axis=1)) == folds


def test_what_unfolds_is_one_rotation_of_fresh_ciphertexts_more() -> None:
    head = replace(head_of([[7]]), rotations={1: 2, 4: 1})
    assert head.folding_rotations == {1: 2, 4: 1, 2048: 2}
    assert replace(head, rotations={1: 2, 2048: 0}).folding_rotations == {1: 2, 2048: 2}
    assert replace(head, whole_input=True).folding_rotations == {1: 2, 4: 1}


def test_a_plan_of_few_keys_keeps_its_input_whole(tmp_path: Path) -> None:
    network = small_network()
    fast, small = (compile_network(network, random_frames(network, 10), small=small) for small in (False, True))
    assert (fast.head.folds, fast.head.whole_input) == (True, False)
    assert (small.head.folds, small.head.whole_input) == (False, True)
    small.save(tmp_path / "small.plan")
    assert load_head(tmp_path / "small.plan").whole_input


@pytest.mark.parametrize("frames", [0, 5])
def test_no_frames_or_more_than_a_ciphertext_takes_are_refused(frames: int) -> None:
    network = small_network()
    head = compile_network(network, random_frames(network, 10), frames_per_ciphertext=4).head
    with pytest.raises(FrameError, match=f"there are {frames} frames; a ciphertext takes 1 to 4"):
        head.lay_out(random_frames(network, frames))


def test_plans_and_networks_print_as_one_line() -> None:
    plan, network = get_plan("digits", 128), load_network("digits")
    assert repr(plan) == f"<Plan {plan.head.hash[:12]} of digits>"
    assert repr(plan.head) == f"<PlanHead {plan.head.hash[:12]} of digits>"
    assert repr(network) == f"<Network digits: {len(network.layers)} layers, 28×28×1 → 10>"
