"""Labelled pictures of one's own, as frames of a model, each in its part: training, validation or test."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.pictures.fitting import FrameShape, fit
from common.pictures.normalise import Normalisation, normalise
from common.pictures.reading import read_picture
from compiler.labelled import LabelledFrames, labelled_files, read_npz
from models.training.own.splits import PARTS, Part, part_of, split_folders

#: Pictures that a class has at least: with fewer, what is measured of it says nothing.
LEAST = 5
#: Pictures of a class that are learned from, at least.
_LEAST_LEARNED = 2
#: Arrays of an npz that are a test of its own.
_TEST_FRAMES, _TEST_LABELS = "test_frames", "test_labels"


class Examples(NamedTuple):
    """Frames (n, h, w, c) uint8, and the index (n,) of each one's label."""

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def targets(self, labels: int) -> NDArray[np.float32]:
        """The probability (n, labels) of each of so many labels: 1 for the right one."""
        return np.eye(labels, dtype=np.float32)[self.labels]


class _Picture(NamedTuple):
    """A picture (h, w, c) uint8 or the file that it is in, its class, its name within the data, and its part."""

    picture: NDArray[np.uint8] | Path
    label: str
    name: str
    part: Part


@dataclass(frozen=True)
class OwnPictures:
    """Pictures as frames (n, h, w, c) uint8, with the text of each one's class, its name and its part.

    `gone` is the number of pictures that are listed and aren't there any more.
    """

    frames: NDArray[np.uint8]
    labels: list[str]
    names: list[str]
    parts: list[Part]
    gone: int = 0

    @property
    def classes(self) -> list[str]:
        """The classes, in order: numbers first, by their value."""
        found = set(self.labels)
        return sorted(found, key=lambda text: (not text.isdecimal(), int(text) if text.isdecimal() else 0, text))

    def examples(self, part: Part, labels: Sequence[str]) -> Examples:
        """The frames of a part, with labels as indices of `labels`."""
        chosen = [index for index, each in enumerate(self.parts) if each == part]
        return Examples(self.frames[chosen], np.array([labels.index(self.labels[i]) for i in chosen], dtype=np.int64))

    def counts(self, part: Part) -> dict[str, int]:
        """How many pictures of each class are in a part."""
        pairs = list(zip(self.labels, self.parts, strict=True))
        return {label: pairs.count((label, part)) for label in self.classes}

    def check(self) -> None:
        """Raise `ConfigurationError` where there is one class only, or are too few pictures to learn and to measure."""
        classes = self.classes
        if len(classes) < 2:
            raise ConfigurationError(
                f"data has pictures of one class only, {classes[0]!r}; a model tells at least two classes apart"
            )
        few = {label: self.labels.count(label) for label in classes if self.labels.count(label) < LEAST}
        if few:
            listed = ", ".join(f"{label!r} ({count})" for label, count in few.items())
            raise ConfigurationError(
                f"data has fewer than {LEAST} pictures of {listed}; label more of them, or leave the class out"
            )
        learned = self.counts("train")
        unlearned = [label for label in classes if learned[label] < _LEAST_LEARNED]
        if unlearned:
            raise ConfigurationError(
                f"fewer than {_LEAST_LEARNED} of the pictures of {', '.join(map(repr, unlearned))} are to be learned "
                "from, the others are kept for validation and test; add pictures"
            )
        for part in ("validation", "test"):
            if part not in self.parts:
                raise ConfigurationError(
                    f"none of the {len(self.parts)} pictures falls to the part {part!r}; add pictures, or split them "
                    "yourself into the folders train, validation and test"
                )


def load_own(
    path: Path, frame_shape: FrameShape, normalisation: Normalisation, known: Sequence[str] | None
) -> OwnPictures:
    """Labelled pictures as frames of `frame_shape` (height, width, channels).

    `path` is a folder with labels.csv (columns file, label), one with a folder for each class, one with such folders in
    `train`, `val` and `test`, or an npz with `frames` and `labels`, and perhaps `test_frames` and `test_labels`. An
    npz's labels are indices of `known`, or of classes "0", "1", … where nothing is known.

    Pictures are normalised as a region's crop is (`common.pictures.normalise`), or under `none` only fitted to the
    frame, as a device does with `--resize`.

    Raises `ConfigurationError` when labels are missing, and `FrameError` for a picture that can't be read.
    """
    if path.is_dir():
        pictures = _in_folders(path)
    elif path.is_file() and zipfile.is_zipfile(path):
        pictures = _in_npz(path, known)
    else:
        raise ConfigurationError(f"data is {path}, which is neither a folder of pictures nor an npz file")
    pictures = [each for each in pictures if each.label]  # a line of labels.csv may have none yet
    there = [each for each in pictures if not isinstance(each.picture, Path) or each.picture.exists()]
    if not there:
        raise ConfigurationError(f"data is {path}, and none of the {len(pictures)} pictures that it lists is there")
    frames = np.stack([_frame(each.picture, frame_shape, normalisation) for each in there])
    return OwnPictures(
        frames,
        [each.label for each in there],
        [each.name for each in there],
        [each.part for each in there],
        len(pictures) - len(there),
    )


def _in_folders(path: Path) -> list[_Picture]:
    split = split_folders(path)
    if not split:
        files = labelled_files(path)
        return [_Picture(file, label, _name(file, path), part_of(file.name)) for file, label in files]
    missing = [part for part in PARTS if part not in split]  # those are taken out of what is to be learned from
    pictures = []
    for part, folder in split.items():
        for file, label in labelled_files(folder):
            chosen = part_of(file.name, ("train", *missing)) if part == "train" else part
            pictures.append(_Picture(file, label, _name(file, path), chosen))
    return pictures


def _name(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()


def _in_npz(path: Path, known: Sequence[str] | None) -> list[_Picture]:
    data = read_npz(path)
    with zipfile.ZipFile(path) as archive:
        tested = f"{_TEST_FRAMES}.npy" in archive.namelist()
    parts: tuple[Part, ...] = ("train", "validation") if tested else PARTS
    pictures = _pictures(path, data, known, [part_of(name, parts) for name in data.names])
    if tested:
        test = read_npz(path, _TEST_FRAMES, _TEST_LABELS)
        named = LabelledFrames(test.frames, test.labels, [f"test/{name}" for name in test.names])
        pictures += _pictures(path, named, known, ["test"] * len(test.names))
    return pictures


def _pictures(path: Path, data: LabelledFrames, known: Sequence[str] | None, parts: Sequence[Part]) -> list[_Picture]:
    frames, labels = data.frames, data.labels
    if len(frames) != len(labels) or frames.ndim != 4 or frames.dtype != np.uint8 or frames.shape[3] not in (1, 3):
        raise FrameError(
            f"data is {path}, with frames of shape {frames.shape} and type {frames.dtype}, and {len(labels)} labels; "
            "give frames (n, height, width[, 3]) uint8 and one label for each"
        )
    last = len(known) - 1 if known is not None else None
    if len(labels) and (labels.min() < 0 or (last is not None and labels.max() > last)):
        raise ConfigurationError(
            f"data is {path}, whose labels run from {labels.min()} to {labels.max()}; "
            f"the model's run from 0 {'on' if last is None else f'to {last}'}"
        )
    texts = [str(label) if known is None else known[label] for label in labels]
    return [_Picture(*each) for each in zip(frames, texts, data.names, parts, strict=True)]


def _frame(
    picture: NDArray[np.uint8] | Path, frame_shape: FrameShape, normalisation: Normalisation
) -> NDArray[np.uint8]:
    pixels = read_picture(picture) if isinstance(picture, Path) else picture
    if normalisation == "none":  # as a device fits a whole picture
        return fit(pixels, frame_shape, resize=True)
    return normalise(pixels, normalisation, frame_shape)
