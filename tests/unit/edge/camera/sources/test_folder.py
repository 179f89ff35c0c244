"""A folder gives its pictures in order, at the rate asked for, and survives what it can't read."""

import threading
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image
from structlog.testing import capture_logs

from common.errors import ConfigurationError, FrameError
from edge.camera.sources.folder import FolderCamera
from edge.camera.sources.opening import open_camera
from edge.camera.sources.pace import Pace
from tests.unit.edge.camera.sources.clock import Clock

SHAPE = (4, 6, 1)


def save(path: Path, value: int = 7, size: tuple[int, int] = (6, 4)) -> None:
    Image.new("L", size, value).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for value, name in enumerate(("b.png", "a.bmp", "C.PGM")):
        save(tmp_path / name, value)
    (tmp_path / "notes.txt").write_text("not an image, and not taken for one")
    return tmp_path


def test_gives_pictures_in_order_of_their_names_and_in_their_own_size(folder: Path) -> None:
    save(folder / "d.png", 9, size=(60, 40))
    shots = list(open_camera(f"folder:{folder}").shots())
    values = [(shot.source, int(shot.picture[0, 0, 0])) for shot in shots]
    assert values == [("C.PGM", 2), ("a.bmp", 1), ("b.png", 0), ("d.png", 9)]
    assert [shot.picture.shape for shot in shots] == [SHAPE, SHAPE, SHAPE, (40, 60, 1)]


def test_skips_what_it_cannot_read_and_says_why(folder: Path) -> None:
    (folder / "b1.png").write_text("hello")
    (folder / "b2.png").write_bytes((folder / "b.png").read_bytes()[:40])
    save(folder / "z.png")
    camera = open_camera(f"folder:{folder}")
    with capture_logs() as logs:
        sources = [shot.source for shot in camera.shots()]
    assert sources == ["C.PGM", "a.bmp", "b.png", "z.png"]
    assert isinstance(camera, FolderCamera) and camera.skipped == 2
    assert [(entry["log_level"], entry["file"]) for entry in logs] == [
        ("warning", name) for name in ("b1.png", "b2.png")
    ]
    assert "can't be read as a picture" in logs[0]["reason"]


def test_skips_a_file_that_has_gone(folder: Path) -> None:
    camera = open_camera(f"folder:{folder}")
    (folder / "a.bmp").unlink()
    assert [shot.source for shot in camera.shots()] == ["C.PGM", "b.png"]


def test_loops_for_ever(folder: Path) -> None:
    camera = open_camera(f"folder:{folder}", loop=True)
    sources = [shot.source for shot in islice(camera.shots(), 8)]
    assert sources == (["C.PGM", "a.bmp", "b.png"] * 3)[:8]


@pytest.mark.parametrize("loop", [False, True])
def test_one_without_any_usable_picture_ends_with_an_error(tmp_path: Path, loop: bool) -> None:
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(FrameError, match="none of the 1 pictures"):
        list(open_camera(f"folder:{tmp_path}", loop=loop).shots())


def test_close_ends_a_wait(folder: Path) -> None:
    camera = open_camera(f"folder:{folder}", rate=0.001)
    shots = camera.shots()
    next(shots)
    threading.Timer(0.05, camera.close).start()
    assert list(shots) == []


def test_pictures_come_at_the_rate_asked_for(folder: Path) -> None:
    clock = Clock()
    camera = FolderCamera(folder, loop=True, pace=Pace(4.0, clock, clock.sleep), rate=4.0)
    times = [clock.now for _ in islice(camera.shots(), 5)]
    assert times == [50.0, 50.25, 50.5, 50.75, 51.0]


def test_one_that_is_missing_or_holds_no_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        open_camera(f"folder:{tmp_path / 'none'}")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ConfigurationError, match=r"holds no pictures \(\.png.*wait for them with --watch"):
        open_camera(f"folder:{tmp_path}")
