"""Evaluation without any secret, in the program's own process; sealed plans too."""

import threading
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

import blindsight as bs
from common.keys.evaluation_keys import read_header, without_seeds
from tests.plans import digits

Frames = NDArray[np.uint8]


@pytest.mark.slow
def test_several_frames_share_a_burst(frames: Frames, truth: list[str]) -> None:
    plan = digits(4)
    keys = bs.KeySet.create(plan)
    scores = bs.Evaluator(plan, keys.evaluation).evaluate(keys.encrypt(frames[:3]))
    assert keys.decrypt(scores, frames=3).labels == tuple(truth[:3])
    assert len(keys.decrypt(scores).labels) == 4


@pytest.mark.parametrize("engine", [None, "pyfhel"])
@pytest.mark.slow
def test_threads_may_share_an_evaluator(
    plan: bs.Plan, keys: bs.KeySet, frames: Frames, truth: list[str], engine: Literal["pyfhel"] | None
) -> None:
    evaluator = bs.Evaluator(plan, keys.evaluation, engine=engine)
    found: dict[int, tuple[str, ...]] = {}

    def evaluate(number: int) -> None:
        found[number] = keys.decrypt(evaluator.evaluate(keys.encrypt(frames[number : number + 1]))).labels

    threads = [threading.Thread(target=evaluate, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: (truth[number],) for number in range(4)}


@pytest.mark.parametrize("wrong", [b"", b"BSCT", bytes(315_408)])
@pytest.mark.slow
def test_bytes_that_are_no_burst_are_refused(plan: bs.Plan, keys: bs.KeySet, wrong: bytes) -> None:
    evaluator = bs.Evaluator(plan, keys.evaluation)
    with pytest.raises(bs.WireError):
        evaluator.evaluate(wrong)


def test_bytes_that_are_no_evaluation_keys_are_refused(plan: bs.Plan, keys: bs.KeySet) -> None:
    with pytest.raises(bs.WireError):
        bs.Evaluator(plan, keys.evaluation[:-1])


@pytest.mark.parametrize("engine", [None, "pyfhel"])
def test_keys_of_zeros_give_an_error_of_ours(
    plan: bs.Plan, keys: bs.KeySet, frames: Frames, engine: Literal["pyfhel"] | None
) -> None:
    whole = without_seeds(keys.evaluation)
    _, start = read_header(whole)
    zeros = whole[:start] + bytes(len(whole) - start)
    with pytest.raises(bs.WireError, match="can't be evaluated under these keys"):
        bs.Evaluator(plan, zeros, engine=engine).evaluate(keys.encrypt(frames[:1]))


def test_evaluation_keys_of_another_plan_are_refused(keys: bs.KeySet) -> None:
    with pytest.raises(bs.KeySetError, match="has other parameters"):
        bs.Evaluator(bs.load_plan("scenes"), keys.evaluation)


@pytest.mark.slow
def test_a_sealed_plan_is_evaluated_for_the_holder_of_its_key_set(
    frames: Frames, truth: list[str], tmp_path: Path
) -> None:
    plan = digits(1, sealed=True)
    keys = bs.KeySet.create(plan)
    counted: list[int] = []
    sealed = bs.seal(plan, keys.public, tmp_path / "digits.sealed", progress=counted.append)
    assert sum(counted) == len(sealed.places)
    keys = keys.using(sealed)
    burst = keys.encrypt(frames[:1])
    for served in (sealed, bs.open_sealed(tmp_path / "digits.sealed")):
        scores = bs.Evaluator(served, keys.evaluation).evaluate(burst)
        assert keys.decrypt(scores).labels == (truth[0],)
    assert bs.load_head(tmp_path / "digits.sealed.head").hash == sealed.plan.head.hash
    with pytest.raises(bs.KeySetError, match="is sealed for key set"):
        bs.KeySet.create(sealed)
