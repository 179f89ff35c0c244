"""A device refuses a key set that doesn't fit its plan; under site custody it has, and takes, the public part only."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from structlog.testing import capture_logs

from common.ckks import seeding
from common.ckks.ciphertext import decode_ciphertexts
from common.errors import FrameError, KeySetError
from common.keys.key_set import KeySet, create_key_set, write_public
from common.plan.predictions import least_upload_bytes, upload_bytes
from edge.encryption import FrameCipher, open_key_set
from models.plans import get_plan

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


@pytest.mark.skipif(seeding._extension() is None, reason="the engine has no SEAL here")
def test_frames_are_folded_where_the_fleet_takes_it_and_the_key_set_has_the_key(
    key_set: KeySet, tmp_path: Path
) -> None:
    earlier = create_key_set(msgspec.structs.replace(HEAD, whole_input=True), tmp_path / "set")
    frame = np.zeros((1, *HEAD.frame_shape), np.uint8)
    made = [FrameCipher(HEAD, *how).encrypt(frame) for how in ((key_set, True), (earlier, True), (key_set, False))]
    assert [len(each.ciphertext) for each in made] == [
        least_upload_bytes(HEAD),
        upload_bytes(HEAD, seeded=True),
        upload_bytes(HEAD),
    ]


def test_a_frame_of_another_shape_is_refused(key_set: KeySet) -> None:
    with pytest.raises(FrameError, match="28×28"):
        FrameCipher(HEAD, key_set).encrypt(np.zeros((1, 30, 28, 1), np.uint8))


@pytest.mark.slow
def test_a_device_makes_its_key_set_once(tmp_path: Path) -> None:
    made = open_key_set(tmp_path / "keys", HEAD, "passphrase")
    again = open_key_set(tmp_path / "keys", HEAD, "passphrase")
    assert made.fingerprint == again.fingerprint
    with pytest.raises(KeySetError, match="passphrase"):
        open_key_set(tmp_path / "keys", HEAD, "another")


def test_a_damaged_key_set_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    open_key_set(tmp_path / "keys", HEAD, None)
    (tmp_path / "keys" / "keyset.json").write_text("{")
    with pytest.raises(KeySetError, match=r"keyset\.json is damaged"):
        open_key_set(tmp_path / "keys", HEAD, None)


def test_under_site_custody_the_public_part_suffices_to_encrypt(key_set: KeySet, tmp_path: Path) -> None:
    write_public(key_set.folder, tmp_path / "public")
    public = open_key_set(tmp_path / "public", HEAD, None, "site")
    assert not isinstance(public, KeySet)
    encrypted = FrameCipher(HEAD, public).encrypt(np.zeros((1, *HEAD.frame_shape), np.uint8))
    ciphertext, *_ = decode_ciphertexts(
        key_set.context, encrypted.ciphertext, HEAD.parameters.levels, HEAD.input_scale, HEAD.input_ciphertexts
    )
    expected = HEAD.lay_out(np.zeros((1, *HEAD.frame_shape), np.uint8))[0]
    assert np.abs(key_set.decrypt(ciphertext) - expected).max() < 1e-2


def test_under_site_custody_a_folder_with_the_secret_key_is_refused(key_set: KeySet) -> None:
    with pytest.raises(KeySetError, match=r"holds a secret key, and custody is 'site'.*keys public"):
        open_key_set(key_set.folder, HEAD, None, "site")


def test_under_site_custody_a_device_makes_no_key_set(tmp_path: Path) -> None:
    with pytest.raises(KeySetError, match=r"holds no key set.*keys public"):
        open_key_set(tmp_path / "keys", HEAD, None, "site")
    assert not (tmp_path / "keys").exists()


def test_a_device_of_its_own_custody_refuses_a_public_part(key_set: KeySet, tmp_path: Path) -> None:
    write_public(key_set.folder, tmp_path / "public")
    with pytest.raises(KeySetError, match=r"secret\.key is missing.*--custody site"):
        open_key_set(tmp_path / "public", HEAD, None)


def test_a_new_key_set_is_told_of_before_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one takes some seconds for a large plan."""

    def make(*_: object) -> KeySet:
        said.extend(line["event"] for line in lines)
        raise KeySetError("not here")

    said: list[str] = []
    monkeypatch.setattr("edge.encryption.create_key_set", make)
    with capture_logs() as lines, pytest.raises(KeySetError):
        open_key_set(tmp_path / "keys", HEAD, None)
    assert len(said) == 1 and said[0].startswith("creating a key set")
