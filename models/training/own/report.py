"""What training on own pictures reached, measured on those that it never learned from."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from common.pictures.fitting import FrameShape
from common.plan.network import Network
from models.training.own.confusion import Counts, count
from models.training.own.pictures import Examples, OwnPictures
from models.training.own.splits import PARTS

#: Mistakes that are listed by name, at most.
_MOST_MISTAKES = 200


@dataclass(frozen=True)
class ClassReport:
    """A class: pictures learned and tested, those of the test that were told right, and how many were taken for it."""

    label: str
    learned: int
    tested: int
    right: int
    named: int

    @property
    def accuracy(self) -> float | None:
        """The share that was told right; None without pictures in the test."""
        return self.right / self.tested if self.tested else None


@dataclass(frozen=True)
class Mistake:
    """A picture of the test that was told wrong: its file, its label, and what it was read as."""

    file: str
    label: str
    read_as: str


@dataclass(frozen=True)
class TrainingReport:
    """What was trained, on how many pictures, and the accuracies on those of the test, as shares from 0 to 1.

    `source` is the model it comes from, or None for a recipe; `accuracy_before` is that model's on the same pictures,
    None where it doesn't know their labels. `accuracy_on_samples` are the shares of the source's sample frames that are
    told right before and after. `gone` counts pictures that are listed and weren't there.
    """

    model: str
    source: str | None
    recipe: str | None
    frame_shape: FrameShape
    labels: tuple[str, ...]
    pictures: dict[str, int]
    gone: int
    accuracy: float
    accuracy_before: float | None
    accuracy_on_samples: tuple[float, float] | None
    classes: tuple[ClassReport, ...]
    mistakes: tuple[Mistake, ...]
    confusion: tuple[tuple[int, ...], ...]

    def counts(self) -> Counts:
        """The confusion as an array (labels, labels)."""
        return np.array(self.confusion, dtype=np.int64)

    def facts(self) -> dict[str, object]:
        """All fields, and each class's accuracy, for JSON."""
        classes = [{**asdict(each), "accuracy": each.accuracy} for each in self.classes]
        return {**asdict(self), "classes": classes}


def measure(
    network: Network,
    pictures: OwnPictures,
    *,
    source: Network | None = None,
    recipe: str | None = None,
    samples: Examples | None = None,
) -> TrainingReport:
    """Measure a network on the pictures of the test, and the model that it comes from beside it.

    `samples` are the source's, with labels as indices of the network's.
    """
    test = pictures.examples("test", network.labels)
    named = network.scores(test.frames).argmax(axis=1)
    counts = count(test.labels, named, len(network.labels))
    names = [name for name, part in zip(pictures.names, pictures.parts, strict=True) if part == "test"]
    wrong = np.flatnonzero(named != test.labels)
    learned = pictures.counts("train")
    return TrainingReport(
        model=network.name,
        source=None if source is None else source.name,
        recipe=recipe,
        frame_shape=network.frame_shape,
        labels=network.labels,
        pictures={part: pictures.parts.count(part) for part in PARTS},
        gone=pictures.gone,
        accuracy=_share(named == test.labels),
        accuracy_before=None if source is None else _accuracy_before(source, network, test),
        accuracy_on_samples=None if source is None or samples is None else _on_samples(source, network, samples),
        classes=tuple(
            ClassReport(
                label,
                learned.get(label, 0),
                int(counts[row].sum()),
                int(counts[row, row]),
                int(counts[:, row].sum()),
            )
            for row, label in enumerate(network.labels)
        ),
        mistakes=tuple(
            Mistake(names[index], network.labels[test.labels[index]], network.labels[named[index]])
            for index in wrong[:_MOST_MISTAKES]
        ),
        confusion=tuple(tuple(map(int, row)) for row in counts),
    )


def _accuracy_before(source: Network, network: Network, test: Examples) -> float | None:
    texts = [network.labels[label] for label in test.labels]
    if not set(texts) <= set(source.labels):
        return None
    named = source.scores(test.frames).argmax(axis=1)
    return _share(np.array([source.labels[each] for each in named]) == np.array(texts))


def _on_samples(source: Network, network: Network, samples: Examples) -> tuple[float, float]:
    texts = np.array([network.labels[label] for label in samples.labels])
    before, after = (
        _share(np.array(each.labels)[each.scores(samples.frames).argmax(axis=1)] == texts) for each in (source, network)
    )
    return before, after


def _share(right: Any) -> float:
    return float(np.mean(right))
