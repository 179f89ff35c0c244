"""Known answers: chosen so that noise can't change them, scheduled by a secret, loaded only when whole."""

import json
import stat
from pathlib import Path

import msgspec
import numpy as np
import pytest

from common.errors import ConfigurationError
from common.keys.known_answers import KnownAnswers, create_known_answers, load_known_answers, safe_lead
from models.catalogue import load_network
from models.plans import get_plan
from models.samples import load_samples

HEAD = get_plan("digits", 128).head
NETWORK = load_network("digits")
SAMPLES = load_samples("digits")
RATE = 0.05


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create(tmp_path / "known")
    return tmp_path / "known"


def create(folder: Path, labels: np.ndarray = SAMPLES.labels, rate: float = RATE) -> KnownAnswers:
    return create_known_answers(folder, NETWORK, HEAD, SAMPLES.frames, labels, rate)


def schedule(known: KnownAnswers, device: str, counters: int = 20_000) -> dict[int, int]:
    """The label of each check, by its capture counter."""
    found = {counter: known.at(device, counter) for counter in range(counters)}
    return {counter: frame.label for counter, frame in found.items() if frame is not None}


def test_whoever_holds_the_folder_knows_the_same_schedule(folder: Path) -> None:
    first, second = load_known_answers(folder), load_known_answers(folder)
    assert schedule(first, "cam-a") == schedule(second, "cam-a")


def test_devices_and_secrets_have_schedules_of_their_own(folder: Path, tmp_path: Path) -> None:
    known, other = load_known_answers(folder), create(tmp_path / "other")
    assert schedule(known, "cam-a") != schedule(known, "cam-b")
    assert schedule(known, "cam-a") != schedule(other, "cam-a")


def test_the_share_of_checks_is_the_rate_and_every_known_frame_has_its_turn(folder: Path) -> None:
    known = load_known_answers(folder)
    found = schedule(known, "cam-a")
    assert len(found) / 20_000 == pytest.approx(RATE, rel=0.2)  # over six standard deviations
    assert set(found.values()) == set(known.labels.tolist())


def test_known_frames_are_those_whose_label_the_noise_cannot_change(folder: Path) -> None:
    known = load_known_answers(folder)
    scores = np.sort(NETWORK.scores(known.frames), axis=1)
    assert (NETWORK.scores(known.frames).argmax(axis=1) == known.labels).all()
    assert (scores[:, -1] - scores[:, -2] > safe_lead(HEAD)).all()
    known.check_serves(HEAD)


def test_frames_with_a_wrong_label_are_left_out(tmp_path: Path) -> None:
    labels = SAMPLES.labels.copy()
    labels[::2] = (labels[::2] + 1) % 10
    assert len(create(tmp_path / "half", labels).frames) <= len(labels) // 2
    with pytest.raises(ConfigurationError, match="none of the"):
        create(tmp_path / "none", (SAMPLES.labels + 1) % 10)
    assert not (tmp_path / "none").exists()


def test_a_plan_with_more_noise_or_other_labels_is_refused(folder: Path) -> None:
    known = load_known_answers(folder)
    with pytest.raises(ConfigurationError, match="honest workers would raise alarms"):
        known.check_serves(msgspec.structs.replace(HEAD, error_bound=100.0))
    with pytest.raises(ConfigurationError, match="known-answers create"):
        known.check_serves(msgspec.structs.replace(HEAD, labels=tuple("abc")))
    with pytest.raises(ConfigurationError, match="known-answers create"):
        known.check_serves(msgspec.structs.replace(HEAD, frame_shape=(8, 8, 1)))


def test_the_secret_is_private_and_not_shown(folder: Path) -> None:
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    secret = (folder / "secret").read_bytes()
    assert repr(secret) not in repr(load_known_answers(folder))
    assert repr(load_known_answers(folder)).startswith("KnownAnswers(")


def test_a_folder_that_exists_is_left_alone(folder: Path) -> None:
    secret = (folder / "secret").read_bytes()
    with pytest.raises(ConfigurationError, match="isn't empty; choose another folder"):
        create(folder)
    assert (folder / "secret").read_bytes() == secret


@pytest.mark.parametrize("name", ["frames.npz", "schedule.json", "secret"])
@pytest.mark.parametrize("data", [None, b"", b"noise" * 10], ids=["missing", "empty", "noise"])
def test_a_damaged_folder_is_refused(folder: Path, name: str, data: bytes | None) -> None:
    (folder / name).unlink()
    if data is not None:
        (folder / name).write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"known_answers is .*known-answers create"):
        load_known_answers(folder)


@pytest.mark.parametrize("rate", [0, -1, 0.6, "often"])
def test_a_rate_out_of_range_is_refused(folder: Path, rate: object) -> None:
    facts = json.loads((folder / "schedule.json").read_text())
    (folder / "schedule.json").write_text(json.dumps({**facts, "rate": rate}))
    with pytest.raises(ConfigurationError, match="known_answers is"):
        load_known_answers(folder)


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_that_the_model_does_not_have_is_refused(folder: Path, label: int) -> None:
    known = load_known_answers(folder)
    labels = known.labels.copy()
    labels[0] = label
    np.savez(folder / "frames.npz", frames=known.frames, labels=labels, leads=known.leads)
    with pytest.raises(ConfigurationError, match="damaged"):
        load_known_answers(folder)
