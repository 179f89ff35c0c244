"""Photos that the project's own renderer had no part in come with all that `blindsight camera test` needs."""

import sys
from pathlib import Path

import pytest

from benchmarks import strangers
from blindsight.cameras.expected import ExpectedReadings
from blindsight.cameras.photos import find_regions, read_photos
from models.catalogue import load_network
from models.rendering.fonts import SHIPPED


def test_photos_of_strangers_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    font = str(SHIPPED / "work-sans-latin-600-normal.woff")
    monkeypatch.setattr(sys, "argv", ["strangers", "--fonts", font, "--photos", "3", "-o", str(tmp_path)])
    strangers.main()
    photos = find_regions(sorted(tmp_path.glob("*.jpg")), tmp_path)
    result = read_photos(photos, load_network("meter"), ExpectedReadings(tmp_path / "readings.csv"), None, lambda: None)
    assert (len(result.photos), result.readings_right) == (3, 1)
