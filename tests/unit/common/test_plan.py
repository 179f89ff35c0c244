"""A plan's file: what was written comes back, and nothing else is taken for it."""

import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.compiler import compile_network
from common.errors import FrameError, PlanError
from common.plan import Plan, load_head, load_plan
from common.simulator import simulate
from tests.networks import random_frames, small_network


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
def test_frames_that_share_a_ciphertext_interleave(frames: int) -> None:
    network = small_network()
    head = compile_network(network, random_frames(network, 10), frames_per_ciphertext=4).head
    given_frames = random_frames(network, frames)
    together = head.lay_out(given_frames).reshape(*head.input_layout.shape, 4)
    for number, frame in enumerate(given_frames):
        alone = head.lay_out(frame[None]).reshape(*head.input_layout.shape, 4)
        assert np.array_equal(together[..., number], alone[..., 0])
    assert not together[..., frames:].any()


@pytest.mark.parametrize("frames", [0, 5])
def test_no_frames_or_more_than_a_ciphertext_takes_are_refused(frames: int) -> None:
    network = small_network()
    head = compile_network(network, random_frames(network, 10), frames_per_ciphertext=4).head
    with pytest.raises(FrameError, match=f"there are {frames} frames; a ciphertext takes 1 to 4"):
        head.lay_out(random_frames(network, frames))
