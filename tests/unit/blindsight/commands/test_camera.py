"""`blindsight camera`: regions are proposed, looked through, and tested on photos."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from blindsight.cli import main
from common.pictures.region_file import load_regions
from tests.meter_pictures import meter_picture, write_meter

Run = Callable[[str], str]
TEST = "camera test --expect readings.csv "


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run: photos of a meter, their region file and what they show."""
    monkeypatch.chdir(tmp_path)
    return write_meter(tmp_path, "345", "602")


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; gives what it printed, or its error on one line."""

    def command(line: str) -> str:
        monkeypatch.setattr(sys, "argv", ["blindsight", *shlex.split(line)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return captured.out if ended.value.code == 0 else " ".join(captured.err.split())

    return command


def test_photos_are_read_and_compared_with_what_they_show(run: Run) -> None:
    report = json.loads(run(TEST + "--regions meter.toml --json - 345.png 602.png"))
    assert list(report) == [
        "photos",
        "digits_right",
        "readings_right",
        "readings_wrong",
        "readings_rejected",
        "agree_with_plain",
    ]
    assert [list(photo) for photo in report["photos"]] == [["file", "reading", "state", "digits"]] * 2
    assert [photo["digits"] for photo in report["photos"]] == [["3", "4", "5"], ["6", "0", "2"]]
    assert [photo["reading"] for photo in report["photos"]] == ["345", "602"]
    assert {photo["state"] for photo in report["photos"]} == {"good"}
    assert report["digits_right"] == report["readings_right"] == 1
    assert report["readings_wrong"] == report["readings_rejected"] == 0
    assert report["agree_with_plain"] is None  # nothing was encrypted


def test_a_folder_stands_for_the_photos_in_it(run: Run, folder: Path) -> None:
    (folder / "photos").mkdir()
    for name in ("345.png", "602.png"):
        (folder / name).rename(folder / "photos" / name)
    (folder / "photos" / "notes.txt").write_text("no photo")
    report = json.loads(run(TEST + "--regions meter.toml --json - photos"))
    assert [photo["file"] for photo in report["photos"]] == ["345.png", "602.png"]


def test_a_wrong_reading_is_told_from_a_rejected_one(run: Run, folder: Path) -> None:
    picture = meter_picture("602").copy()
    picture[200:276, 160:208] = 128  # the first wheel is hidden
    Image.fromarray(picture).save(folder / "602.png")
    (folder / "readings.csv").write_text("file,reading\n345.png,346\n602.png,602\n")
    report = json.loads(run(TEST + "--regions meter.toml --json - 345.png 602.png"))
    assert [photo["state"] for photo in report["photos"]] == ["good", "rejected"]
    assert report["photos"][1]["reading"] is None
    assert [report[f"readings_{kind}"] for kind in ("right", "wrong", "rejected")] == [0, 0.5, 0.5]
    assert report["digits_right"] == pytest.approx(4 / 6)
    assert "d1 can't be read" in run(TEST + "--regions meter.toml 602.png")


def test_without_expected_readings_photos_are_only_read(run: Run) -> None:
    report = json.loads(run("camera test --regions meter.toml --json - 345.png"))
    assert report["photos"][0]["reading"] == "345"
    assert report["readings_right"] is None


def test_larger_photos_and_a_region_file_for_each_one_do(run: Run, folder: Path) -> None:
    Image.fromarray(meter_picture("602", 2)).save(folder / "602.png")
    (folder / "files").mkdir()
    for name in ("345", "602"):
        (folder / "files" / f"{name}.toml").write_text((folder / "meter.toml").read_text())
    report = json.loads(run(TEST + "--regions files --json - 345.png 602.png"))
    assert report["digits_right"] == 1


@pytest.mark.slow
def test_through_ciphertexts_labels_are_those_of_the_plain_model(run: Run) -> None:
    report = json.loads(run(TEST + "--encrypted --regions meter.toml --json - 345.png 602.png"))
    assert report["agree_with_plain"] == 1
    assert report["digits_right"] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--regions meter.toml absent.png", "there is no photo absent.png; give photos, or a folder of them"),
        ("--regions meter.toml empty", "empty holds no pictures; give photos, or a folder of them"),
        ("--regions meter.toml new.png", "which has no line for new.png; add: new.png,READING"),
        ("--regions absent.toml 345.png", "regions is absent.toml, which can't be read"),
        ("--regions empty 345.png", "regions is empty, which has no 345.toml for the photo 345.png"),
        ("--regions meter.toml wide.png", "wide.png: a picture has 900×300 pixels, and size in [picture]"),
        ("--regions meter.toml text.png", "text.png can't be read as a picture"),
    ],
)
def test_what_cannot_be_read_is_told(run: Run, folder: Path, arguments: str, told: str) -> None:
    (folder / "empty").mkdir()
    (folder / "text.png").write_text("no picture")
    (folder / "new.png").write_bytes((folder / "345.png").read_bytes())
    Image.new("L", (900, 300)).save(folder / "wide.png")
    with (folder / "readings.csv").open("a") as file:
        file.write("wide.png,1\ntext.png,1\n")
    assert told in run(TEST + arguments)


def test_a_preview_is_drawn_and_says_what_the_model_sees(run: Run, folder: Path) -> None:
    (folder / "camera").mkdir()
    (folder / "345.png").rename(folder / "camera" / "a.png")
    printed = run("camera preview --camera folder:camera --regions meter.toml -o preview.png")
    assert printed.split()[:3] == ["d1", "3", "lead"]
    with Image.open(folder / "preview.png") as image:
        assert image.width > 1000


def test_a_preview_with_the_name_of_another_file_is_refused(run: Run, folder: Path) -> None:
    told = run("camera preview --camera folder:. --regions meter.toml -o readings.csv")
    assert "out is readings.csv, which is to be a picture; give a name that ends with .png, .jpg or .jpeg" in told
    assert (folder / "readings.csv").read_text().startswith("file,reading")
    run("camera preview --camera folder:. --regions meter.toml -o preview.jpg")
    with Image.open(folder / "preview.jpg") as image:
        assert image.format == "JPEG"


def test_regions_are_proposed_and_an_old_file_is_kept(run: Run, folder: Path) -> None:
    command = "camera regions --camera folder:. -o new.toml --digits 3 --no-page"
    assert "written to new.toml" in run(command)
    assert load_regions(folder / "new.toml").names == ("d1", "d2", "d3")
    assert "out is new.toml, which is there already" in run(command)
