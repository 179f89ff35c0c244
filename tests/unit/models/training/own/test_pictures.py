"""Own pictures come from class folders, labels.csv, folders of a split, or an npz; too few are refused in words."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import ConfigurationError, FrameError
from models.training.own.pictures import OwnPictures, load_own
from models.training.own.splits import part_of
from tests.drawn_digits import class_folders, drawn, write_labels

SHAPE = (28, 28, 1)


def load(path: Path, known: tuple[str, ...] | None = None) -> OwnPictures:
    return load_own(path, SHAPE, "none", known)


def test_class_folders_are_read_as_torchvision_reads_them(tmp_path: Path) -> None:
    class_folders(tmp_path, 40)
    (tmp_path / "3" / "more" / "deep").mkdir(parents=True)
    Image.new("L", (28, 28), 9).save(tmp_path / "3" / "more" / "deep" / "x.png")
    (tmp_path / ".thumbnails").mkdir()
    Image.new("L", (28, 28)).save(tmp_path / ".thumbnails" / "y.png")
    (tmp_path / "3" / "notes.txt").write_text("the third wheel")
    pictures = load(tmp_path)
    assert pictures.classes == list("0123456789")
    assert len(pictures.names) == 41
    place = pictures.names.index("3/more/deep/x.png")
    assert pictures.labels[place] == "3" and (pictures.frames[place] == 9).all()
    assert pictures.parts == [part_of(name) for name in pictures.names]


def test_numbers_are_classes_in_the_order_of_their_values() -> None:
    frames = np.zeros((3, *SHAPE), np.uint8)
    assert OwnPictures(frames, ["10", "9", "between"], list("abc"), ["train"] * 3).classes == ["9", "10", "between"]


def test_labels_csv_names_labels_and_pictures_that_are_gone_are_counted(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "unlisted.png", "unlabelled.png"):
        Image.new("L", (28, 28)).save(tmp_path / name)
    write_labels(tmp_path, {"a.png": "open", "b.png": "shut", "made-room.png": "open", "unlabelled.png": ""})
    pictures = load(tmp_path)
    assert (pictures.names, pictures.labels, pictures.gone) == (["a.png", "b.png"], ["open", "shut"], 1)


def test_of_a_picture_that_is_labelled_twice_the_last_label_counts(tmp_path: Path) -> None:
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text("file,label\na.png,open\na.png,shut\n")
    assert load(tmp_path).labels == ["shut"]


def test_a_split_into_folders_is_kept_and_a_part_without_folder_is_taken_out_of_train(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", 60)
    class_folders(tmp_path / "test", 20, seed=1)
    pictures = load(tmp_path)
    by_part: dict[str, list[str]] = {}
    for name, part in zip(pictures.names, pictures.parts, strict=True):
        by_part.setdefault(part, []).append(name)
    assert all(name.startswith("test/") for name in by_part["test"]) and len(by_part["test"]) == 20
    assert all(name.startswith("train/") for name in by_part["train"] + by_part["validation"])
    assert all(part_of(name) == "validation" for name in by_part["validation"]) and by_part["validation"]


def test_an_npz_has_indices_of_known_labels_and_may_have_a_test_of_its_own(tmp_path: Path) -> None:
    frames, labels = drawn(30, classes=3)
    np.savez(tmp_path / "own.npz", frames=frames[..., 0], labels=labels, test_frames=frames[:6], test_labels=labels[:6])
    pictures = load(tmp_path / "own.npz", ("a", "b", "c"))
    assert pictures.labels[:4] == ["a", "b", "c", "a"]
    assert pictures.parts.count("test") == 6 and pictures.parts.count("validation") > 0
    assert pictures.names[-1] == "test/5"
    assert load(tmp_path / "own.npz").labels[:4] == ["0", "1", "2", "0"]
    learned = pictures.examples("train", ("c", "b", "a"))
    assert (learned.frames[0] == frames[pictures.parts.index("train")]).all()
    assert learned.labels[0] == 2 - labels[pictures.parts.index("train")]


def test_pictures_of_other_sizes_and_colours_are_fitted_to_the_frame(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new("RGB", (100, 60), (200, 200, 200)).save(tmp_path / "a" / "large.jpg")
    assert (load(tmp_path).frames == 200).all()
    assert load(tmp_path).frames.shape == (1, *SHAPE)


def test_crops_are_normalised_as_those_of_regions_are(tmp_path: Path) -> None:
    class_folders(tmp_path, 10)
    pictures = load_own(tmp_path, SHAPE, "digit", None)
    assert (pictures.frames.reshape(10, -1).min(axis=1) == 0).all()
    assert (pictures.frames.mean(axis=(1, 2, 3)) < 100).all()  # strokes are light on dark now


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"on": 9}, "pictures of one class only, 'on'; a model tells at least two"),
        ({"on": 9, "off": 4, "?": 1}, r"fewer than 5 pictures of '\?' \(1\), 'off' \(4\); label more of them"),
    ],
)
def test_too_few_pictures_or_classes_are_refused(counts: dict[str, int], message: str) -> None:
    labels = [label for label, count in counts.items() for _ in range(count)]
    names = [f"{number}.png" for number in range(len(labels))]
    frames = np.zeros((len(labels), *SHAPE), np.uint8)
    with pytest.raises(ConfigurationError, match=message):
        OwnPictures(frames, labels, names, [part_of(name) for name in names]).check()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["test"] * 9 + ["train"] + ["train"] * 10, "fewer than 2 of the pictures of 'off' are to be learned from"),
        (["train"] * 10 + ["test"] * 3 + ["train"] * 7, "none of the 20 pictures falls to the part 'validation'"),
    ],
)
def test_a_part_that_has_too_few_is_named(parts: list[str], message: str) -> None:
    names, labels = [str(number) for number in range(20)], ["off"] * 10 + ["on"] * 10
    with pytest.raises(ConfigurationError, match=message):
        OwnPictures(np.zeros((20, *SHAPE), np.uint8), labels, names, parts).check()  # type: ignore[arg-type]


def test_data_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither a folder of pictures nor an npz file"):
        load(tmp_path / "none")
    write_labels(tmp_path, {"gone.png": "a"})
    with pytest.raises(ConfigurationError, match="none of the 1 pictures that it lists is there"):
        load(tmp_path)


def test_what_is_wrong_in_an_npz_is_named(tmp_path: Path) -> None:
    file = tmp_path / "own.npz"
    np.savez(file, frames=np.zeros((4, 28, 28)), labels=np.zeros(4, int))
    with pytest.raises(FrameError, match=r"frames of shape \(4, 28, 28, 1\) and type float64"):
        load(file)
    np.savez(file, frames=np.zeros((4, 28, 28), np.uint8), labels=np.arange(4))
    with pytest.raises(ConfigurationError, match="labels run from 0 to 3; the model's run from 0 to 2"):
        load(file, ("a", "b", "c"))


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "broken.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(FrameError, match=r"broken\.png"):
        load(tmp_path)
