"""Key sets in a program: what they encrypt and decrypt, and that no secret leaves them."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import blindsight as bs
from common.keys.key_folder import is_locked
from common.keys.key_set import load_key_set

Frames = NDArray[np.uint8]


@pytest.fixture(scope="module")
def scores(plan: bs.Plan, keys: bs.KeySet, frames: Frames) -> bytes:
    return bs.Evaluator(plan, keys.evaluation).evaluate(keys.encrypt(frames[:1]))


@pytest.mark.slow
def test_a_frame_gets_its_label_scores_and_lead(keys: bs.KeySet, scores: bytes, truth: list[str]) -> None:
    found = keys.decrypt(scores)
    assert found.labels == (truth[0],)
    assert found.indices.tolist() == [int(truth[0])]
    assert found.scores.shape == (1, 10)
    assert found.lead[0] == pytest.approx(np.diff(np.sort(found.scores[0]))[-1])


def test_what_is_shown_of_a_decryption_are_labels_only(keys: bs.KeySet, scores: bytes) -> None:
    assert repr(keys.decrypt(scores)) == f"Decryption(labels={keys.decrypt(scores).labels!r})"


@pytest.mark.slow
def test_a_saved_key_set_decrypts_what_it_encrypted_before(
    plan: bs.Plan, keys: bs.KeySet, scores: bytes, tmp_path: Path
) -> None:
    keys.save(tmp_path / "keys", passphrase="open sesame")
    assert is_locked(tmp_path / "keys")
    loaded = bs.KeySet.load(tmp_path / "keys", plan, passphrase="open sesame")
    assert loaded.decrypt(scores).labels == keys.decrypt(scores).labels
    assert loaded.fingerprint == keys.fingerprint
    assert loaded.evaluation == keys.evaluation


@pytest.mark.parametrize("wrong", ["", b"hunter2", 4711])
def test_a_passphrase_that_is_empty_or_no_text_is_refused_and_not_shown(
    plan: bs.Plan, keys: bs.KeySet, wrong: Any, tmp_path: Path
) -> None:
    """An empty one is a variable that isn't set, as a rule."""
    for call in (
        lambda: keys.save(tmp_path / "keys", passphrase=wrong),
        lambda: bs.KeySet.load(tmp_path / "keys", plan, passphrase=wrong),
    ):
        with pytest.raises(bs.KeySetError, match=r"passphrase is (empty|of type (bytes|int)); give a text") as caught:
            call()
        assert not wrong or str(wrong) not in str(caught.value)
    assert not (tmp_path / "keys").exists()


def test_a_saved_key_set_is_one_for_the_command_line_too(keys: bs.KeySet, tmp_path: Path) -> None:
    keys.save(tmp_path / "keys")
    assert load_key_set(tmp_path / "keys").fingerprint == keys.fingerprint
    assert (tmp_path / "keys" / "secret.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_a_loaded_key_set_is_saved_under_another_passphrase(plan: bs.Plan, keys: bs.KeySet, tmp_path: Path) -> None:
    keys.save(tmp_path / "first", passphrase="one")
    bs.KeySet.load(tmp_path / "first", plan, passphrase="one").save(tmp_path / "second", passphrase="two")
    assert bs.KeySet.load(tmp_path / "second", plan, passphrase="two").fingerprint == keys.fingerprint
    with pytest.raises(bs.KeySetError, match="passphrase doesn't open"):
        bs.KeySet.load(tmp_path / "second", plan, passphrase="one")


def test_a_folder_that_holds_a_key_set_is_left_alone(keys: bs.KeySet, tmp_path: Path) -> None:
    keys.save(tmp_path / "keys")
    with pytest.raises(bs.KeySetError, match="already holds a key set"):
        keys.save(tmp_path / "keys")


@pytest.mark.slow
def test_the_public_part_encrypts_and_has_no_secret(
    plan: bs.Plan, keys: bs.KeySet, frames: Frames, truth: list[str], tmp_path: Path
) -> None:
    keys.public.save(tmp_path / "public")
    assert sorted(path.name for path in (tmp_path / "public").iterdir()) == [
        "keyset.json",
        "public.key",
        "times-public.key",
    ]
    public = bs.PublicKeys.load(tmp_path / "public", plan)
    scores = bs.Evaluator(plan, keys.evaluation).evaluate(public.encrypt(frames[3:4]))
    assert keys.decrypt(scores).labels == (truth[3],)
    assert not hasattr(public, "decrypt")
    for each in (public, keys.public):
        with pytest.raises(bs.KeySetError, match="no secret key"):
            each.core.context.decrypt(each.core.context.encrypt(np.ones(4), 2.0**30))


def test_no_secret_is_shown_pickled_or_copied(keys: bs.KeySet, tmp_path: Path) -> None:
    keys.save(tmp_path / "keys")
    secret = (tmp_path / "keys" / "secret.key").read_bytes()
    assert repr(keys) == f"<KeySet {keys.fingerprint[:12]} for plan {keys.head.hash[:12]} of digits>"
    for held in vars(keys).values():
        assert repr(secret[40:60])[2:-1] not in repr(held)
        with pytest.raises(TypeError):
            pickle.dumps(held)
    for each in (keys, keys.public):
        with pytest.raises(TypeError, match="isn't pickled or copied"):
            pickle.dumps(each)
        with pytest.raises(TypeError, match="isn't pickled or copied"):
            copy.deepcopy(each)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((1, 27, 28), np.uint8), "the model takes 28×28"),
        (np.zeros((1, 28, 28, 3), np.uint8), "the model takes 28×28"),
        (np.zeros((1, 28, 28), np.float64), "type float64"),
        (np.zeros((2, 28, 28), np.uint8), "a ciphertext takes 1 to 1"),
        (np.zeros((0, 28, 28), np.uint8), "there are 0 frames"),
        ([[0]], "give a NumPy array"),
    ],
)
def test_frames_that_do_not_fit_are_refused(keys: bs.KeySet, wrong: Frames, message: str) -> None:
    with pytest.raises(bs.FrameError, match=message):
        keys.encrypt(wrong)


@pytest.mark.parametrize("wrong", [b"", b"nonsense", bytes(106_512)])
def test_bytes_that_are_no_scores_are_refused(keys: bs.KeySet, wrong: bytes) -> None:
    with pytest.raises(bs.WireError):
        keys.decrypt(wrong)


def test_a_burst_is_no_scores(keys: bs.KeySet, frames: Frames) -> None:
    with pytest.raises(bs.WireError):
        keys.decrypt(keys.encrypt(frames[:1]))


def test_more_frames_than_a_ciphertext_takes_are_refused(keys: bs.KeySet, scores: bytes) -> None:
    with pytest.raises(bs.FrameError, match="takes 1 to 1"):
        keys.decrypt(scores, frames=2)


def test_a_key_set_for_another_plan_is_refused(keys: bs.KeySet, tmp_path: Path) -> None:
    keys.save(tmp_path / "keys")
    with pytest.raises(bs.KeySetError, match="has other parameters"):
        bs.KeySet.load(tmp_path / "keys", bs.load_head("scenes"))
    with pytest.raises(bs.KeySetError, match="has other parameters"):
        keys.using(bs.load_head("scenes"))
