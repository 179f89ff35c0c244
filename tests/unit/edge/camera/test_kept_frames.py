"""`--keep-frames`: what the network saw lies in a folder as pictures, as many as were allowed, for its owner alone."""

import os
import resource
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from structlog.testing import capture_logs

from common.errors import ConfigurationError, FrameError
from common.pictures.picture import Picture
from edge import clock
from edge.camera.framing import WholePicture
from edge.camera.kept_frames import KeptFrames

SHAPE = (6, 4, 1)


class Digits:
    """A framing of two regions, the upper half of a picture and the lower."""

    names = ("d1", "../the last\n")
    are_burst = True

    def frames(self, picture: Picture) -> np.ndarray:
        return picture.reshape(2, *SHAPE)


def picture(value: int, height: int = 6) -> Picture:
    return np.full((height, 4, 1), value, np.uint8)


@pytest.fixture(autouse=True)
def _seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is a second later at each look."""
    times: Iterator[float] = iter(range(1_800_000_000, 1_900_000_000))
    monkeypatch.setattr(clock, "now", lambda: next(times))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def values(folder: Path) -> list[int]:
    return [int(np.asarray(Image.open(folder / name))[0, 0]) for name in names(folder)]


def test_frames_pass_as_they_are_and_lie_in_the_folder_as_they_are(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 4, 1), dtype=np.uint8)
    kept = KeptFrames(Digits(), tmp_path / "kept", 10)
    frames = kept.frames(noise)
    assert (frames == noise.reshape(2, *SHAPE)).all()
    assert (kept.names, kept.are_burst) == (Digits.names, True)
    pictures = [np.asarray(Image.open(tmp_path / "kept" / name)) for name in names(tmp_path / "kept")]
    assert (np.stack(pictures) == frames[..., 0]).all()


def test_names_sort_by_time_and_tell_the_region(tmp_path: Path) -> None:
    kept = KeptFrames(Digits(), tmp_path, 10)
    for value in range(2):
        kept.frames(picture(value, 12))
    assert names(tmp_path) == [
        "20270115T080000.000000Z-000-d1.png",
        "20270115T080000.000000Z-001-.._the_last_.png",
        "20270115T080001.000000Z-000-d1.png",
        "20270115T080001.000000Z-001-.._the_last_.png",
    ]


def test_frames_in_colour_stay_in_colour(tmp_path: Path) -> None:
    red = np.full((6, 4, 3), (200, 10, 10), np.uint8)
    KeptFrames(WholePicture((6, 4, 3), resize=False), tmp_path, 10).frames(red)
    (name,) = names(tmp_path)
    assert (np.asarray(Image.open(tmp_path / name)) == red).all()


def test_the_oldest_make_room_also_those_of_an_earlier_run_and_nobody_elses_files(tmp_path: Path) -> None:
    for mine in ("labels.csv", "2027.png", "a.png"):
        (tmp_path / mine).touch()
    framing = WholePicture(SHAPE, resize=False)
    first = KeptFrames(framing, tmp_path, 3)
    for value in range(2):
        first.frames(picture(value))
    second = KeptFrames(framing, tmp_path, 3)
    for value in range(2, 5):
        second.frames(picture(value))
    for mine in ("labels.csv", "2027.png", "a.png"):
        (tmp_path / mine).unlink()
    assert values(tmp_path) == [2, 3, 4]


def test_what_somebody_took_away_is_not_missed(tmp_path: Path) -> None:
    kept = KeptFrames(WholePicture(SHAPE, resize=False), tmp_path, 2)
    for value in range(2):
        kept.frames(picture(value))
    for name in names(tmp_path):
        (tmp_path / name).unlink()
    for value in range(2, 6):
        kept.frames(picture(value))
    assert values(tmp_path) == [4, 5]


def test_folder_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        KeptFrames(WholePicture(SHAPE, resize=False), tmp_path / "kept", 2).frames(picture(1))
    finally:
        os.umask(before)
    (name,) = names(tmp_path / "kept")
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "kept" / name).stat().st_mode) == 0o600


def test_it_is_said_at_each_start(tmp_path: Path) -> None:
    with capture_logs() as logs:
        KeptFrames(WholePicture(SHAPE, resize=False), tmp_path, 2)
    (line,) = logs
    assert line["log_level"] == "warning" and "unencrypted" in line["event"]
    assert line["folder"] == str(tmp_path) and line["most"] == 2


def test_a_folder_that_is_gone_is_said_once_and_frames_go_on(tmp_path: Path) -> None:
    kept = KeptFrames(WholePicture(SHAPE, resize=False), tmp_path / "kept", 2)
    shutil.rmtree(tmp_path / "kept")
    with capture_logs() as logs:
        for value in range(5):
            assert (kept.frames(picture(value)) == value).all()
    assert [line["reason"] for line in logs] == ["No such file or directory"]
    (tmp_path / "kept").mkdir()
    kept.frames(picture(9))
    assert values(tmp_path / "kept") == [9]


def test_a_full_disk_leaves_no_part_of_a_picture_and_frames_go_on(tmp_path: Path) -> None:
    kept = KeptFrames(WholePicture(SHAPE, resize=False), tmp_path, 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with capture_logs() as logs:
            assert (kept.frames(picture(1)) == 1).all()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [line["reason"] for line in logs] == ["File too large"]
    assert names(tmp_path) == []


def test_what_does_not_fit_is_refused_as_the_framing_does_and_not_kept(tmp_path: Path) -> None:
    kept = KeptFrames(WholePicture(SHAPE, resize=False), tmp_path, 2)
    with pytest.raises(FrameError, match="the model takes 6×4"):
        kept.frames(picture(1, 7))
    assert names(tmp_path) == []


@pytest.mark.parametrize("leads_elsewhere", [True, False])
def test_nothing_is_written_through_what_others_put_into_the_folder(tmp_path: Path, leads_elsewhere: bool) -> None:
    kept = KeptFrames(WholePicture(SHAPE, resize=False), tmp_path / "kept", 1)
    (tmp_path / "precious").write_text("mine")
    if leads_elsewhere:
        (tmp_path / "kept" / ".unfinished").symlink_to(tmp_path / "precious")
    else:
        os.mkfifo(tmp_path / "kept" / ".unfinished")
    kept.frames(picture(1))
    assert values(tmp_path / "kept") == [1]
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_folder_by_the_name_of_a_kept_frame_stays_and_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "20260101T000000.000000Z-000.png").mkdir()
    kept = KeptFrames(WholePicture(SHAPE, resize=False), tmp_path, 1)
    kept.frames(picture(1))
    kept.frames(picture(2))
    assert len(names(tmp_path)) == 2 and (tmp_path / "20260101T000000.000000Z-000.png").is_dir()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"keep_frames is .*/file/kept, which can't be used: Not a directory"):
        KeptFrames(WholePicture(SHAPE, resize=False), tmp_path / "file" / "kept", 2)
