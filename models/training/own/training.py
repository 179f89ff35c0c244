"""A model out of own pictures: trained, calibrated, measured, compiled, and written as a folder."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.pictures.fitting import FrameShape
from common.plan.network import Network
from common.plan.plan import Plan
from models.catalogue import load_network, model_folder, plan_name
from models.plans import compile_on_frames
from models.samples import load_samples
from models.saving import MOST_SAMPLES, save_model
from models.training.layered import LayeredModel
from models.training.own.calibration import calibrated
from models.training.own.confusion import draw
from models.training.own.fine_tuning import FINE_TUNING, fine_tune
from models.training.own.labels import joined_labels, with_labels
from models.training.own.pictures import Examples, OwnPictures
from models.training.own.recipes import OwnRecipe
from models.training.own.replay import replay_of
from models.training.own.report import TrainingReport, measure
from models.training.own.splits import write_split
from models.training.trainable import Progress
from models.training.trainer import train_model


@dataclass(frozen=True)
class Trained:
    """A trained network, what it reached, the pictures it was made of, and those of its source that it kept."""

    network: Network
    report: TrainingReport
    pictures: OwnPictures
    kept: Examples | None = None

    def samples(self) -> Examples:
        """Frames to keep with the model and to calibrate its plan on: learned ones, and those of the source.

        As many of each label as far as there are, and those of the source only of labels without own pictures.
        """
        learned = self.pictures.examples("train", self.network.labels)
        chosen = []
        most = math.ceil(MOST_SAMPLES / len(self.network.labels))
        for label in range(len(self.network.labels)):
            source = learned if self.kept is None or label in learned.labels else self.kept
            there = np.flatnonzero(source.labels == label)
            places = there[np.linspace(0, len(there) - 1, min(most, len(there))).astype(int)]
            chosen.append(Examples(source.frames[places], source.labels[places]))
        return Examples(*(np.concatenate(each) for each in zip(*chosen, strict=True)))


def train_from(
    source: str,
    name: str,
    pictures: OwnPictures,
    *,
    new_labels: bool,
    epochs: int | None,
    seed: int,
    progress: Progress,
) -> Trained:
    """Train a shipped model, or one of one's own, further on pictures that were loaded for it.

    Raises `ConfigurationError` where pictures are too few, have labels that the source doesn't know (unless
    `new_labels` allows them), or PyTorch isn't installed.
    """
    before = load_network(source)
    pictures.check()
    labels = joined_labels(before, pictures.classes, new_labels)
    start = with_labels(before, name, labels)
    kept = _kept(source, before, labels)
    learned, validation = (pictures.examples(part, labels) for part in ("train", "validation"))
    replay = replay_of(before, None if kept is None else kept.frames, labels, seed)
    how = FINE_TUNING if epochs is None else replace(FINE_TUNING, epochs=epochs)
    changed = labels != before.labels
    network = fine_tune(start, learned, validation, replay, new_labels=changed, seed=seed, progress=progress, how=how)
    frames, targets = validation.frames, validation.targets(len(labels))
    if replay is not None:  # else a model of meters would be as sure of a wheel that turns as of one that stands
        kept_back = replay.half(1)
        frames = np.concatenate([frames, kept_back.frames])
        targets = np.concatenate([targets, kept_back.probabilities])
    network = calibrated(network, frames, targets)
    report = measure(network, pictures, source=before, samples=kept)
    return Trained(network, report, pictures, kept)


def train_new(
    recipe_name: str,
    recipe: OwnRecipe,
    frame_shape: FrameShape,
    name: str,
    pictures: OwnPictures,
    *,
    epochs: int | None,
    seed: int,
    progress: Progress,
) -> Trained:
    """Train a network of a recipe from the beginning. Raises `ConfigurationError` as `train_from` does."""
    pictures.check()
    labels = tuple(pictures.classes)
    learned, validation = (pictures.examples(part, labels) for part in ("train", "validation"))
    blank = recipe.build(name, frame_shape, labels, seed)
    batches = len(learned.labels) // min(recipe.training.batch, len(learned.labels))
    epochs = epochs if epochs is not None else max(recipe.epochs, math.ceil(recipe.steps / batches))
    network = train_model(
        lambda torch: LayeredModel(torch, blank, recipe.augmentation),
        recipe.training,
        learned.frames,
        learned.labels,
        epochs=epochs,
        seed=seed,
        progress=progress,
    )
    network = calibrated(network, validation.frames, validation.targets(len(labels)))
    return Trained(network, measure(network, pictures, recipe=recipe_name), pictures)


def compile_trained(
    trained: Trained, security_bits: int, frames_per_ciphertext: int | None, tried: Callable[[Plan], None]
) -> Plan:
    """The plan of a trained network, calibrated on its samples; frames as in `models.plans.get_plan`."""
    return compile_on_frames(trained.network, trained.samples().frames, security_bits, frames_per_ciphertext, tried)


def frames_of_source(source: str) -> int:
    """How many frames a ciphertext of a model's own plan takes: of the plan with most of them, 1 where it has none."""
    folder = model_folder(source)
    form = re.compile(rf"{re.escape(folder.name)}-\d+(?:-k(\d+))?\.plan")
    found = [form.fullmatch(path.name) for path in folder.glob("*.plan")]
    return max((int(match[1] or 1) for match in found if match), default=1)


def save_trained(trained: Trained, plan: Plan, out: Path, *, force: bool) -> Path:
    """Write the model's folder, whole or not at all; the name of its plan's file in it.

    It holds the network, samples, the plan and its head, report.json, confusion.png, and split.csv, which says in
    which part each picture was. Raises `ConfigurationError` as `save_model` does.
    """
    head = plan.head
    name = plan_name(trained.network.name, head.parameters.security_bits, head.frames_per_ciphertext)

    def add(folder: Path) -> None:
        plan.save(folder / name)
        plan.save_head((folder / name).with_suffix(".head"))
        report = json.dumps(trained.report.facts(), indent=2, ensure_ascii=False)
        (folder / "report.json").write_text(report + "\n", encoding="utf-8")
        draw(trained.report.counts(), trained.network.labels, folder / "confusion.png")
        write_split(folder / "split.csv", trained.pictures.names, trained.pictures.parts)

    save_model(trained.network, *trained.samples(), out, force=force, add=add)
    return out / name


def _kept(source: str, network: Network, labels: tuple[str, ...]) -> Examples | None:
    """The source's samples, whose labels it must not forget; None where it has none, or its labels don't stay."""
    if not (model_folder(source) / "samples").is_dir():
        return None
    if not set(network.labels) <= set(labels):
        return None
    samples = load_samples(source)
    indices = [labels.index(network.labels[label]) for label in samples.labels]
    return Examples(samples.frames, np.array(indices, dtype=np.int64))
