"""A model out of own pictures: measured on those it never saw, and a folder that every command takes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import ConfigurationError
from common.plan.plan_file import load_head, load_plan
from models.catalogue import load_network
from models.plans import get_plan
from models.samples import load_samples
from models.training.own.calibration import log_probabilities
from models.training.own.pictures import Examples, OwnPictures, load_own
from models.training.own.recipes import RECIPES
from models.training.own.report import measure
from models.training.own.training import (
    Trained,
    compile_trained,
    frames_of_source,
    save_trained,
    train_from,
    train_new,
)
from tests.drawn_digits import class_folders, drawn

DIGITS = load_network("digits")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> OwnPictures:
    folder = tmp_path_factory.mktemp("own")
    class_folders(folder, 300)
    return load_own(folder, (28, 28, 1), "none", DIGITS.labels)


@pytest.fixture
def untrained(pictures: OwnPictures) -> Trained:
    """The shipped model as if it had been trained, for what comes after."""
    samples = load_samples("digits")
    kept = Examples(samples.frames, samples.labels)
    return Trained(DIGITS, measure(DIGITS, pictures, source=DIGITS, samples=kept), pictures, kept)


def options(**given: Any) -> dict[str, Any]:
    return {"epochs": None, "seed": 0, "progress": lambda *_: None, **given}


@pytest.mark.slow
def test_a_shipped_model_gets_much_better_on_pictures_that_it_never_saw(pictures: OwnPictures) -> None:
    pytest.importorskip("torch")
    report = train_from("digits", "mine", pictures, new_labels=False, **options()).report
    assert report.accuracy_before is not None and report.accuracy_on_samples is not None
    assert report.accuracy > report.accuracy_before + 0.4
    assert report.accuracy_on_samples[1] > 0.9
    assert (report.source, report.recipe, report.labels) == ("digits", None, DIGITS.labels)


@pytest.mark.slow
def test_a_model_of_meters_learns_crops_as_they_are_and_is_no_surer_of_wheels_that_turn(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    meter = load_network("meter")
    class_folders(tmp_path, 300)  # dark on light, which the normalisation that isn't done here would have turned
    data = load_own(tmp_path, meter.frame_shape, "none", meter.labels)
    trained = train_from("meter", "mine", data, new_labels=False, **options())
    assert trained.network.labels == meter.labels
    frames, digits = drawn(1000, seed=1)  # the sixty pictures of the report's test are too few for a bound
    right = np.array([meter.labels.index(str(digit)) for digit in digits])
    mistaken = [np.mean(network.scores(frames).argmax(axis=1) != right) for network in (meter, trained.network)]
    assert mistaken[1] < mistaken[0] / 2
    turning = load_samples("meter")
    between = turning.frames[turning.labels == meter.labels.index("between")]
    before, after = (
        np.exp(log_probabilities(network.scores(between))).max(axis=1).mean() for network in (meter, trained.network)
    )
    assert after < before + 0.1


@pytest.mark.slow
def test_other_things_are_told_apart_by_a_network_from_the_beginning(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    class_folders(tmp_path, 240, names="ABCD")
    data = load_own(tmp_path, (24, 24, 3), "none", None)
    trained = train_new("small", RECIPES["small"], (24, 24, 3), "gate", data, **options(epochs=80))
    assert trained.report.accuracy > 0.9
    assert trained.network.labels == ("A", "B", "C", "D")
    assert trained.network.frame_shape == (24, 24, 3)


@pytest.mark.slow
def test_the_report_counts_by_class_and_names_the_mistakes(untrained: Trained) -> None:
    report = untrained.report
    tested = {each.label: each.tested for each in report.classes}
    assert sum(tested.values()) == report.pictures["test"] == int(report.counts().sum())
    assert (
        report.accuracy
        == report.accuracy_before
        == sum(each.right for each in report.classes) / report.pictures["test"]
    )
    assert len(report.mistakes) == report.pictures["test"] - sum(each.right for each in report.classes)
    mistake = report.mistakes[0]
    assert mistake.file.startswith(f"{mistake.label}/") and mistake.read_as != mistake.label
    assert report.accuracy_on_samples == (1.0, 1.0)


@pytest.mark.slow
def test_the_folder_holds_all_that_later_commands_take(untrained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "digits"
    plan = compile_trained(untrained, 128, 1, lambda _: None)
    path = save_trained(untrained, plan, out, force=False)
    assert path == out / "digits-128.plan"
    assert load_plan(path).head.hash == load_head(path.with_suffix(".head")).hash == plan.head.hash
    assert load_network(str(out)).labels == DIGITS.labels
    assert get_plan(str(out), 128).head.hash == plan.head.hash
    assert 80 <= len(load_samples(str(out)).labels) <= 100
    report = json.loads((out / "report.json").read_text())
    assert report["classes"][3]["label"] == "3" and report["accuracy"] == untrained.report.accuracy
    split = (out / "split.csv").read_text().splitlines()
    assert split[0] == "file,part" and len(split) == 301
    assert (out / "confusion.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigurationError, match="replace it with --force"):
        save_trained(untrained, plan, out, force=False)
    save_trained(untrained, plan, out, force=True)


@pytest.mark.slow
def test_samples_are_pictures_that_were_learned_from_and_the_sources_where_there_are_none(
    untrained: Trained, pictures: OwnPictures
) -> None:
    chosen = [index for index, label in enumerate(pictures.labels) if label != "7"]
    labels, names, parts = ([each[i] for i in chosen] for each in (pictures.labels, pictures.names, pictures.parts))
    without = OwnPictures(pictures.frames[chosen], labels, names, parts)  # type: ignore[arg-type]
    samples = Trained(DIGITS, untrained.report, without, untrained.kept).samples()
    assert set(samples.labels) == set(range(10))
    learned = {frame.tobytes() for frame in without.examples("train", DIGITS.labels).frames}
    for frame, label in zip(samples.frames, samples.labels, strict=True):
        assert (frame.tobytes() in learned) == (label != 7)


def test_a_ciphertext_takes_as_many_frames_as_that_of_the_source(tmp_path: Path) -> None:
    assert frames_of_source("digits") == frames_of_source("scenes") == 1
    for name in ("network.npz", "mine-128.plan", "mine-192-k8.plan", "mine-128-from5-k16.plan", "other-128-k32.plan"):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / name).touch()
    assert frames_of_source(str(tmp_path / "mine")) == 8


def test_a_source_that_does_not_know_the_labels_has_no_accuracy_before(pictures: OwnPictures) -> None:
    named = OwnPictures(pictures.frames, [f"n{label}" for label in pictures.labels], pictures.names, pictures.parts)
    network = DIGITS.__class__("mine", DIGITS.frame_shape, tuple(f"n{digit}" for digit in range(10)), DIGITS.layers)
    assert measure(network, named, source=DIGITS).accuracy_before is None
    assert np.array(measure(network, named).confusion).sum() == named.parts.count("test")
