"""A picture's part follows from its name, so that none that was learned from is ever measured on."""

from pathlib import Path

import pytest

from models.training.own.splits import part_of, split_folders, write_split

NAMES = [f"20270115T080000.{number:06d}Z-000-d1.png" for number in range(2000)]


def test_about_fifteen_per_cent_each_are_kept_for_validation_and_test() -> None:
    parts = [part_of(name) for name in NAMES]
    assert {part: round(parts.count(part) / len(NAMES), 2) for part in set(parts)} == {
        "train": pytest.approx(0.7, abs=0.03),
        "validation": pytest.approx(0.15, abs=0.03),
        "test": pytest.approx(0.15, abs=0.03),
    }


def test_a_picture_stays_in_its_part_whatever_its_label_and_however_many_there_are() -> None:
    assert [part_of(f"7/{name}") for name in NAMES] == [part_of(f"mine/1/{name}") for name in NAMES]
    assert [part_of(name) for name in ("0.png", "1.png", "5.png")] == ["validation", "train", "test"]


def test_without_one_part_the_pictures_of_the_others_stay_where_they_are() -> None:
    for name in NAMES[:200]:
        part = part_of(name)
        assert part_of(name, ("train", "test")) == ("train" if part == "validation" else part)


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        (("train", "val"), {"train": "train", "validation": "val"}),
        (("train", "validation", "test"), {"train": "train", "validation": "validation", "test": "test"}),
        (("train", "bus", "tram"), {}),  # three classes of vehicles
        (("pass", "test"), {}),
    ],
)
def test_folders_named_train_and_val_or_test_are_a_split(
    folders: tuple[str, ...], parts: dict[str, str], tmp_path: Path
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    assert split_folders(tmp_path) == {part: tmp_path / name for part, name in parts.items()}


def test_the_split_is_written_as_a_table(tmp_path: Path) -> None:
    write_split(tmp_path / "split.csv", ["b.png", "a, 1.png"], ["test", "train"])
    assert (tmp_path / "split.csv").read_text() == 'file,part\n"a, 1.png",train\nb.png,test\n'
