"""Labelled frames from files: what plans are calibrated on and accuracies are measured with."""

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.csv_files import read_csv
from common.errors import ConfigurationError, FrameError
from common.files import read_arrays
from common.pictures.fitting import FrameShape, fit
from common.pictures.reading import SUFFIXES, read_picture

#: The file of a folder in which its pictures' labels are.
_LABELS = "labels.csv"
#: Bytes of the largest arrays of an npz file, inflated: the file itself may be a thousandth of that.
_MOST_BYTES = 1 << 32


@dataclass(frozen=True)
class LabelledFrames:
    """Frames (n, h, w, c) uint8, their labels (n,) as indices of classes, and where each comes from."""

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: list[str]


def load_labelled(path: Path, frame_shape: FrameShape, classes: Sequence[str] | None = None) -> LabelledFrames:
    """Labelled frames from an npz with `frames` and `labels`, or from a folder of pictures.

    A folder names its labels in labels.csv (columns file, label) or by sub-folders: as texts out of
    `classes`, or as indices where no classes are given. The npz's labels are indices.

    Raises `ConfigurationError` when labels are missing or unknown, and `FrameError` when frames
    can't be read or don't fit the model.
    """
    if path.is_dir():
        loaded = _from_folder(path, frame_shape, classes)
    elif path.is_file():
        loaded = read_npz(path)
    else:
        raise ConfigurationError(f"data is {path}, which doesn't exist; give an npz file or a folder of pictures")
    _check(path, loaded, frame_shape, classes)
    return loaded


def labelled_files(path: Path) -> list[tuple[Path, str]]:
    """The pictures of a folder and the texts of their labels, by its labels.csv or else by its sub-folders.

    A sub-folder's pictures may lie in folders of their own, as in torchvision's ImageFolder. The last line of a picture
    that labels.csv names twice counts. Raises `ConfigurationError` where there is none, or labels.csv can't be read.
    """
    pairs = _listed(path) if (path / _LABELS).is_file() else _sorted_into_folders(path)
    if not pairs:
        raise ConfigurationError(
            f"data is {path}, which has no labelled pictures; add {_LABELS} with the columns file, label, "
            f"or sub-folders named by label, with files {', '.join(SUFFIXES)}"
        )
    return pairs


def frame_shape_of(path: Path) -> FrameShape:
    """The shape (height, width, channels) of the frames in an npz, or of the first picture of a folder.

    Raises `ConfigurationError` and `FrameError` as `load_labelled` does.
    """
    if path.is_dir():
        picture = read_picture(labelled_files(path)[0][0])
        height, width, *channels = picture.shape
        return height, width, channels[0] if channels else 1
    if not path.is_file():
        raise ConfigurationError(f"data is {path}, which doesn't exist; give an npz file or a folder of pictures")
    frames = read_npz(path).frames
    if frames.ndim != 4:
        raise FrameError(f"data is {path}, whose frames have shape {frames.shape}; they must be (n, height, width, c)")
    height, width, depth = frames.shape[1:]
    return height, width, depth


def read_npz(path: Path, frames: str = "frames", labels: str = "labels") -> LabelledFrames:
    """Frames and labels of an npz, of whatever shape; the two texts are the names of their arrays.

    Raises `ConfigurationError` where one is missing, or they can't be labelled frames.
    """
    needed = "give one that holds frames (n, height, width[, channels]) and labels (n,)"
    if not zipfile.is_zipfile(path):
        raise ConfigurationError(f"data is {path}, which is neither a folder nor an npz file; {needed}")
    try:
        arrays = read_arrays(path, _MOST_BYTES, (frames, labels))
    except KeyError as error:
        raise ConfigurationError(f"data is {path}, which lacks an array: {error.args[0]}; {needed}") from error
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"data is {path}, which is damaged: {error}; {needed}") from error
    images, indices = arrays[frames], arrays[labels]
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise ConfigurationError(
            f"data is {path}, whose {labels} have shape {indices.shape} and type {indices.dtype}; "
            "give one integer for each frame"
        )
    if images.ndim == 3:
        images = images[..., None]
    return LabelledFrames(images, indices.astype(np.int64), [str(index) for index in range(len(images))])


def _from_folder(path: Path, frame_shape: FrameShape, classes: Sequence[str] | None) -> LabelledFrames:
    pairs = labelled_files(path)
    index_of = _index_by_text(classes)
    labels = [index_of(file, text) for file, text in pairs]
    frames = [_read(file, frame_shape) for file, _ in pairs]
    names = [file.relative_to(path).as_posix() for file, _ in pairs]
    return LabelledFrames(np.stack(frames), np.array(labels, dtype=np.int64), names)


def _listed(path: Path) -> list[tuple[Path, str]]:
    listing = path / _LABELS
    try:
        head, *rows = [row for _, row in read_csv(listing)] or [[]]
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{listing} can't be read: {error}; its lines are: file,label") from error
    for column in ("file", "label"):
        if column not in head:
            raise ConfigurationError(f"{listing} has no column {column!r}; its first line is: file,label")
    width, file, label = len(head), head.index("file"), head.index("label")
    whole = [row + [""] * (width - len(row)) for row in rows]  # of one that is too short, what is missing is empty
    return list({path / row[file].strip(): row[label].strip() for row in whole}.items())


def _sorted_into_folders(path: Path) -> list[tuple[Path, str]]:
    pictures = (file for file in sorted(path.glob("*/**/*")) if file.suffix.lower() in SUFFIXES)
    named = ((file, file.relative_to(path).parts) for file in pictures)
    return [(file, parts[0]) for file, parts in named if not any(part.startswith(".") for part in parts)]


def _index_by_text(classes: Sequence[str] | None) -> Callable[[Path, str], int]:
    def index(file: Path, text: str) -> int:
        if classes is not None and text in classes:
            return classes.index(text)
        if classes is None and text.isdecimal():
            return int(text)
        known = "a number from 0 on" if classes is None else f"one of {', '.join(classes)}"
        raise ConfigurationError(f"the label of {file} is {text!r}; it must be {known}")

    return index


def _read(file: Path, frame_shape: FrameShape) -> NDArray[np.uint8]:
    """One picture as a frame (h, w, c), turned to grey or to colour as the model takes it."""
    picture = read_picture(file)
    try:
        return fit(picture, frame_shape)
    except FrameError as error:
        raise FrameError(f"{file}: {error}") from error


def _check(path: Path, loaded: LabelledFrames, frame_shape: FrameShape, classes: Sequence[str] | None) -> None:
    frames: NDArray[Any] = loaded.frames
    if frames.shape[1:] != frame_shape or frames.dtype != np.uint8:
        raise FrameError(
            f"data is {path}, whose frames have shape {frames.shape[1:]} and type {frames.dtype}; "
            f"the model takes {frame_shape} (height, width, channels), uint8"
        )
    if not len(frames) or len(frames) != len(loaded.labels):
        raise ConfigurationError(
            f"data is {path}, with {len(frames)} frames and {len(loaded.labels)} labels; give one label for each frame"
        )
    last = len(classes) - 1 if classes is not None else None
    if loaded.labels.min() < 0 or (last is not None and loaded.labels.max() > last):
        raise ConfigurationError(
            f"data is {path}, whose labels run from {loaded.labels.min()} to {loaded.labels.max()}; "
            f"the model's run from 0 {'on' if last is None else f'to {last}'}"
        )
