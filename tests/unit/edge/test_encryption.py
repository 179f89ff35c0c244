"""A device refuses a key set that doesn't fit its plan, and takes as a label only what is one."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from blindsight.plans import get_plan
from common.errors import FrameError, KeySetError, WireError
from common.keys import KeySet, create_key_set
from edge.encryption import FrameCipher, open_key_set

HEAD = get_plan("digits", 128).head


@pytest.fixture(scope="module")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return create_key_set(HEAD, tmp_path_factory.mktemp("keys") / "set")


def test_a_key_set_without_a_rotation_of_the_plan_is_refused(key_set: KeySet) -> None:
    other = msgspec.structs.replace(HEAD, rotations={**HEAD.rotations, 7: 2})
    with pytest.raises(KeySetError, match=r"lacks rotation keys for steps \[7\].*keys create"):
        FrameCipher(other, key_set)


def test_a_key_set_of_other_parameters_is_refused(key_set: KeySet) -> None:
    parameters = msgspec.structs.replace(HEAD.parameters, prime_bits=(40, 50, 50, 60))
    with pytest.raises(KeySetError, match="other parameters"):
        FrameCipher(msgspec.structs.replace(HEAD, parameters=parameters), key_set)


def test_equal_frames_have_different_ciphertexts_and_digests(key_set: KeySet) -> None:
    cipher = FrameCipher(HEAD, key_set)
    first, second = (cipher.encrypt(np.zeros((1, *HEAD.frame_shape), np.uint8)) for _ in range(2))
    assert first.ciphertext != second.ciphertext
    assert first.digest != second.digest


def test_a_frame_of_another_shape_is_refused(key_set: KeySet) -> None:
    with pytest.raises(FrameError, match="28×28"):
        FrameCipher(HEAD, key_set).encrypt(np.zeros((1, 30, 28, 1), np.uint8))


@pytest.mark.parametrize("reply", [b"", b"label: 7", bytes(100_000)])
def test_what_is_no_ciphertext_is_no_label(key_set: KeySet, reply: bytes) -> None:
    with pytest.raises(WireError):
        FrameCipher(HEAD, key_set).decide(reply, 1)


def test_a_device_makes_its_key_set_once(tmp_path: Path) -> None:
    made = open_key_set(tmp_path / "keys", HEAD, "passphrase")
    again = open_key_set(tmp_path / "keys", HEAD, "passphrase")
    assert made.fingerprint == again.fingerprint
    with pytest.raises(KeySetError, match="passphrase"):
        open_key_set(tmp_path / "keys", HEAD, "another")
