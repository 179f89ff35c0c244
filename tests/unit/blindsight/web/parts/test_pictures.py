"""A frame's picture is found where the device still has it, and nothing else is ever read."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blindsight.web.parts.pictures import of_camera, of_folder, of_kept
from web.site import LabelView


def label(source: str = "", at: float = 1000.0) -> LabelView:
    return LabelView("cam-1", "job", 0, "a", at, at, source=source)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for path in (folder / "1.png", folder / "2:3.png", tmp_path / "outside.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    return folder


@pytest.mark.parametrize("source", ["1.png", "1.png:d1", "2:3.png", "2:3.png:d1"])
def test_a_picture_is_found_by_its_name_with_or_without_a_region(folder: Path, source: str) -> None:
    assert of_folder(folder, label(source)) is not None


@pytest.mark.parametrize(
    "source", ["", "missing.png", "../outside.png", "../outside.png:d1", "..", "/etc/hostname", "."]
)
def test_nothing_outside_the_folder_is_read(folder: Path, source: str) -> None:
    assert of_folder(folder, label(source)) is None


def test_only_a_camera_that_is_a_folder_has_pictures(folder: Path) -> None:
    assert of_camera(f"folder:{folder}", label("1.png")) is not None
    assert of_camera(f"rtsp://{folder}", label("1.png")) is None


def test_a_kept_frame_is_found_by_its_time(folder: Path) -> None:
    at = datetime(2026, 11, 28, 8, 0, 0, 500_000, UTC).timestamp()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "20261128T080000.600000Z-000.png")
    assert of_kept(folder, label(at=at)) is not None
    assert of_kept(folder, label(at=at + 0.2)) is None
    assert of_kept(folder, label(at=at - 60)) is None


def test_where_nothing_is_kept_nothing_is_found(tmp_path: Path) -> None:
    assert of_kept(tmp_path / "missing", label()) is None
