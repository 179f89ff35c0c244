"""Rendered photos as files that `blindsight camera test` reads, and crops that `blindsight model train` reads."""

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blindsight.cli import app
from common.errors import ConfigurationError
from common.pictures.reading import read_picture
from common.pictures.region_file import load_regions
from common.readings.spec import readings_of
from compiler.labelled import load_labelled
from models.rendering.crops import LABELS
from models.rendering.files import write_crops, write_photos
from models.rendering.fonts import SHIPPED, find_fonts


def test_each_photo_has_a_region_file_and_a_line_in_the_readings(tmp_path: Path) -> None:
    write_photos(tmp_path, find_fonts([SHIPPED]), count=3, seed=7, digits=6, sizes=((320, 240),), loose=0.02)
    with (tmp_path / "readings.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["000.jpg", "001.jpg", "002.jpg"]
    for row in rows:
        assert len(row["reading"]) == 6 and row["reading"].isdigit()
        path = tmp_path / row["file"]
        assert read_picture(path).shape == (240, 320, 3)
        regions = load_regions(path.with_suffix(".toml"))
        assert readings_of(regions, path)[0].regions == regions.names == tuple(f"d{n}" for n in range(1, 7))


def test_more_photos_of_a_seed_begin_with_the_same(tmp_path: Path) -> None:
    book = find_fonts([SHIPPED])
    for name, count in (("few", 1), ("more", 2)):
        write_photos(tmp_path / name, book, count=count, seed=7, sizes=((320, 240),))
    assert (tmp_path / "few" / "000.jpg").read_bytes() == (tmp_path / "more" / "000.jpg").read_bytes()


def test_crops_are_labelled_frames(tmp_path: Path) -> None:
    write_crops(tmp_path, find_fonts([SHIPPED]), count=20, seed=1)
    labelled = load_labelled(tmp_path, (28, 28, 1), LABELS)
    assert labelled.frames.shape == (20, 28, 28, 1)


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    out = tmp_path / "photos"
    done = CliRunner().invoke(app, ["model", "render", "meter", "--count", "2", "--size", "320x240", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "2 photos with region files and readings.csv in" in done.output
    assert len(list(out.iterdir())) == 5


@pytest.mark.parametrize(
    "options, problem",
    [
        (["digits"], "there are no pictures of 'digits' to render"),
        (["meter", "--size", "wide"], "size is 'wide'; give width and height"),
        (["meter", "--fonts", "/nowhere"], "fonts is /nowhere, which is no folder"),
        (["meter", "--split", "half"], "split is 'half'"),
    ],
)
def test_what_cant_be_rendered_is_refused(tmp_path: Path, options: list[str], problem: str) -> None:
    arguments = ["model", "render", *options, "-o", str(tmp_path / "out")]
    with pytest.raises(ConfigurationError, match=problem):
        CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)
    assert not (tmp_path / "out").exists()
