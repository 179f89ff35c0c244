"""Models by name, labelled frames from files and folders, and the models that ship."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.errors import BlindsightError, ConfigurationError, FrameError
from common.plan.plan_file import load_plan
from compiler.labelled import load_labelled
from compiler.simulator import simulate
from models.catalogue import FOLDER, load_network, model_folder, plan_file, plan_path, shipped_models
from models.samples import load_samples
from tests.encrypted import evaluator

SHAPE = (4, 6, 1)
CLASSES = ("cat", "dog")
FRAMES = np.arange(3 * 4 * 6, dtype=np.uint8).reshape(3, 4, 6)


def _picture(path: Path, frame: Any = FRAMES[0]) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(frame).save(path)


def _npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


# Names


def test_a_shipped_model_is_found_by_name() -> None:
    assert "digits" in shipped_models()
    assert model_folder("digits") == FOLDER / "digits"


def test_a_users_folder_is_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "meter"
    folder.mkdir()
    load_network("digits").save(folder / "network.npz")
    monkeypatch.chdir(folder)
    assert load_network(str(folder)).labels == load_network(".").labels
    assert plan_path(".", 192) == folder.resolve() / "meter-192.plan"
    with pytest.raises(ConfigurationError, match=r"no sample frames.*--data"):
        load_samples(".")


@pytest.mark.parametrize("name", ["digist", "", "/", "samples"])
def test_an_unknown_model_is_told_with_those_that_ship(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"shipped: .*digits"):
        model_folder(name)


def test_a_shipped_name_wins_over_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "network.npz").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert model_folder("digits") == FOLDER / "digits"


def test_the_folder_of_a_users_model_stands_for_the_plan_in_it(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    with pytest.raises(ConfigurationError, match=r"mine is a folder without a plan; .*model compile .*/mine"):
        plan_file(mine)
    (mine / "mine-128-k8.plan").touch()
    (mine / "mine-128-k8.head").touch()
    assert plan_file(mine) == mine / "mine-128-k8.plan"
    (mine / "mine-192.plan").touch()
    with pytest.raises(ConfigurationError, match=r"folder with 2 plans; .*mine-128-k8\.plan, .*mine-192\.plan"):
        plan_file(mine)


def test_a_shipped_plan_wins_over_a_folder_of_its_models_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meter").mkdir()  # a folder of photos, say
    monkeypatch.chdir(tmp_path)
    assert plan_file(Path("meter")).parent == FOLDER / "meter"


# Labelled frames


def test_npz_gives_frames_with_channels(tmp_path: Path) -> None:
    loaded = load_labelled(_npz(tmp_path / "d.npz", frames=FRAMES, labels=np.array([1, 0, 1], np.uint8)), SHAPE)
    assert loaded.frames.shape == (3, *SHAPE)
    assert loaded.labels.tolist() == [1, 0, 1] and loaded.labels.dtype == np.int64
    assert loaded.names == ["0", "1", "2"]


def test_listed_pictures_keep_the_order_of_the_list(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png", FRAMES[0])
    _picture(tmp_path / "b.png", FRAMES[1])
    (tmp_path / "labels.csv").write_text("file,label\nb.png,dog\na.png, cat\n")
    loaded = load_labelled(tmp_path, SHAPE, CLASSES)
    assert (loaded.frames[..., 0] == FRAMES[[1, 0]]).all()
    assert loaded.labels.tolist() == [1, 0]
    assert loaded.names == ["b.png", "a.png"]


def test_sub_folders_are_labels(tmp_path: Path) -> None:
    _picture(tmp_path / "dog" / "x.PNG")
    _picture(tmp_path / "cat" / "x.bmp")
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    loaded = load_labelled(tmp_path, SHAPE, CLASSES)
    assert loaded.names == ["cat/x.bmp", "dog/x.PNG"]
    assert loaded.labels.tolist() == [0, 1]


def test_a_label_is_an_index_only_where_classes_are_unknown(tmp_path: Path) -> None:
    _picture(tmp_path / "1" / "x.png")
    assert load_labelled(tmp_path, SHAPE).labels.tolist() == [1]
    assert load_labelled(tmp_path, SHAPE, ("1", "2")).labels.tolist() == [0]


def test_colour_is_turned_to_what_the_model_takes(tmp_path: Path) -> None:
    _picture(tmp_path / "0" / "x.png", np.repeat(FRAMES[0][..., None], 3, axis=2))
    assert (load_labelled(tmp_path, SHAPE).frames[0, ..., 0] == FRAMES[0]).all()
    assert load_labelled(tmp_path, (4, 6, 3)).frames.shape == (1, 4, 6, 3)


def test_pictures_are_read_as_by_a_device_16_bits_and_turned_by_their_exif_tag_included(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    (tmp_path / "cat").mkdir()
    Image.fromarray(FRAMES[0].astype(np.uint16) * 257).save(tmp_path / "cat" / "deep.pgm")
    Image.fromarray(np.rot90(FRAMES[0])).save(tmp_path / "cat" / "turned.jpg", "PNG", exif=exif)
    loaded = load_labelled(tmp_path, SHAPE, CLASSES)
    assert loaded.names == ["cat/deep.pgm", "cat/turned.jpg"]
    assert (loaded.frames[..., 0] == FRAMES[0]).all()


LABELS = np.zeros(3, np.int64)
BAD_ARRAYS: list[tuple[dict[str, Any], type[BlindsightError], str]] = [
    ({"frames": FRAMES}, ConfigurationError, "lacks an array.*labels"),
    ({"frames": FRAMES, "labels": LABELS.astype(float)}, ConfigurationError, "float64.*one integer"),
    ({"frames": FRAMES, "labels": LABELS[:2]}, ConfigurationError, "3 frames and 2 labels"),
    ({"frames": FRAMES[:0], "labels": LABELS[:0]}, ConfigurationError, "0 frames"),
    ({"frames": FRAMES, "labels": LABELS + 2}, ConfigurationError, "run from 2 to 2.*0 to 1"),
    ({"frames": FRAMES, "labels": LABELS - 1}, ConfigurationError, "run from -1"),
    ({"frames": FRAMES / 255, "labels": LABELS}, FrameError, "float64.*uint8"),
    ({"frames": FRAMES[:, 1:], "labels": LABELS}, FrameError, r"\(3, 6, 1\).*\(4, 6, 1\)"),
    ({"frames": np.array([{}]), "labels": LABELS}, ConfigurationError, "damaged"),
]


@pytest.mark.parametrize(("arrays", "error", "message"), BAD_ARRAYS)
def test_arrays_that_do_not_fit(
    arrays: dict[str, Any], error: type[BlindsightError], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        load_labelled(_npz(tmp_path / "d.npz", **arrays), SHAPE, CLASSES)


def _flip(path: Path) -> None:
    data = bytearray(_npz(path.with_suffix(".npz"), frames=FRAMES, labels=LABELS).read_bytes())
    data[200] ^= 0xFF  # inside the first array: its checksum fails
    path.write_bytes(data)


BAD_FILES: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: None, "doesn't exist"),
    (lambda path: path.write_text("hello"), "neither a folder nor an npz"),
    (_flip, "damaged"),
    (lambda path: path.mkdir(), "no labelled pictures"),
]


@pytest.mark.parametrize(("make", "message"), BAD_FILES)
def test_files_that_are_no_data(make: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    make(tmp_path / "data")
    with pytest.raises(ConfigurationError, match=message):
        load_labelled(tmp_path / "data", SHAPE)


BAD_LISTS: list[tuple[str, type[BlindsightError], str]] = [
    ("name,label\na.png,cat\n", ConfigurationError, "no column 'file'"),
    ("file,label\na.png,cow\n", ConfigurationError, r"a\.png is 'cow'.*cat, dog"),
    ("file,label\na.png\n", ConfigurationError, r"a\.png is ''"),
    ("file,label\nmissing.png,cat\n", FrameError, r"missing\.png"),
    ("file,label\nlabels.csv,cat\n", FrameError, "can't be read as a picture"),
    ("file,label\nfalse.png,cat\n", FrameError, r"false\.png"),
    ("file,label\nsmall.png,cat\n", FrameError, "2×2.*4×6"),
    ("file,label\n", ConfigurationError, "no labelled pictures"),
    ("file,label\n\xff", ConfigurationError, "can't be read"),
]


@pytest.mark.parametrize(("listing", "error", "message"), BAD_LISTS)
def test_lists_that_do_not_fit(listing: str, error: type[BlindsightError], message: str, tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    _picture(tmp_path / "small.png", FRAMES[0, :2, :2])
    (tmp_path / "false.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    (tmp_path / "labels.csv").write_text(listing, encoding="latin-1")
    with pytest.raises(error, match=message):
        load_labelled(tmp_path, SHAPE, CLASSES)


# The models that ship


@pytest.mark.parametrize(("name", "each"), [("digits", 10), ("meter", 10), ("scenes", 5), ("scenes-wide", 5)])
def test_a_shipped_model_has_as_many_samples_of_each_class(name: str, each: int) -> None:
    assert np.bincount(load_samples(name).labels).tolist() == [each] * len(load_network(name).labels)


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_classifies_its_samples_as_its_card_says(name: str) -> None:
    samples = load_samples(name)
    correct = load_network(name).scores(samples.frames).argmax(axis=1) == samples.labels
    card = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    assert f"{correct.sum()} of its {len(correct)} samples" in card


@pytest.mark.parametrize(
    ("name", "frame_shape", "dimension", "primes"),
    [("digits", (28, 28, 1), 8192, 3), ("scenes", (32, 32, 3), 16384, 6), ("scenes-wide", (32, 32, 3), 16384, 7)],
)
def test_a_shipped_plan_belongs_to_its_network(
    name: str, frame_shape: tuple[int, int, int], dimension: int, primes: int
) -> None:
    head, network = load_plan(plan_path(name, 128)).head, load_network(name)
    assert (head.model, head.labels, head.frame_shape) == (name, network.labels, frame_shape)
    assert head.parameters.security_bits == 128
    assert (head.parameters.ring_dimension, len(head.parameters.data_prime_bits)) == (dimension, primes)


@pytest.mark.parametrize("name", shipped_models())
@pytest.mark.slow
def test_a_shipped_plan_computes_its_networks_scores(name: str) -> None:
    # Not the same bits as a recompiled plan: floating point differs between machines.
    plan, frames = load_plan(plan_file(Path(name))), load_samples(name).frames
    difference = simulate(plan, frames) - load_network(name).scores(frames)
    assert np.abs(difference).max() <= plan.head.error_bound


@pytest.mark.slow
def test_scenes_runs_encrypted_within_its_error_bound() -> None:
    plan, frames = load_plan(plan_path("scenes", 128)), load_samples("scenes").frames[:1]
    difference = evaluator(plan)(frames) - load_network("scenes").scores(frames)
    assert np.abs(difference).max() <= plan.head.error_bound
