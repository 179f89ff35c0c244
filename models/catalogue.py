"""Models by name: those that ship, and folders that users made.

A model's folder holds `network.npz`, may hold plans (`NAME-128.plan`), and sample frames with
their labels in `samples/`.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import ConfigurationError, FrameError
from common.network import Network

FOLDER = Path(__file__).parent
_LABELS_FILE = "labels.csv"


@dataclass(frozen=True)
class LabelledFrames:
    """Frames (n, h, w, c) uint8, their labels (n,) as indices, and where each comes from."""

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: list[str]


def shipped_models() -> list[str]:
    """Names of the models that ship."""
    return sorted(path.parent.name for path in FOLDER.glob("*/network.npz"))


def model_folder(name: str) -> Path:
    """The folder of a shipped model or of a user's. Raises `ConfigurationError`."""
    for folder in (FOLDER / name, Path(name)):
        if (folder / "network.npz").is_file():
            return folder
    raise ConfigurationError(
        f"there is no model {name!r}; shipped: {', '.join(shipped_models())}. A folder with network.npz works too"
    )


def load_network(name: str) -> Network:
    """A model's network. Raises `ConfigurationError` or `NetworkError`."""
    return Network.load(model_folder(name) / "network.npz")


def load_samples(name: str) -> LabelledFrames:
    """A model's sample frames."""
    return load_labelled(model_folder(name) / "samples", load_network(name).frame_shape)


def plan_path(name: str, security_bits: int) -> Path:
    """Where a model's plan at a security level is, if it ships one."""
    folder = model_folder(name)
    return folder / f"{folder.name}-{security_bits}.plan"


def load_labelled(path: Path, frame_shape: tuple[int, int, int]) -> LabelledFrames:
    """Labelled frames from an npz with `frames` and `labels`, or from a folder of pictures.

    A folder names its labels in labels.csv (columns file, label) or by sub-folders. Raises
    `ConfigurationError` when neither is there and `FrameError` when frames don't fit the model.
    """
    if path.is_dir():
        return _from_folder(path, frame_shape)
    if not path.is_file():
        raise ConfigurationError(f"data is {path}, which doesn't exist; give an npz file or a folder of pictures")
    try:
        with np.load(path, allow_pickle=False) as file:
            frames, labels = file["frames"], file["labels"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise ConfigurationError(f"data is {path}, which isn't an npz with frames and labels: {error}") from error
    if frames.ndim == 3:
        frames = frames[..., None]
    _check(path, frames, labels, frame_shape)
    return LabelledFrames(frames, labels.astype(np.int64), [str(index) for index in range(len(frames))])


def _from_folder(path: Path, frame_shape: tuple[int, int, int]) -> LabelledFrames:
    listed = path / _LABELS_FILE
    if listed.is_file():
        with listed.open(newline="") as file:
            pairs = [(path / row["file"], row["label"]) for row in csv.DictReader(file)]
    else:
        pairs = [(file, file.parent.name) for file in sorted(path.glob("*/*.png"))]
    if not pairs:
        raise ConfigurationError(f"data is {path}, which has neither {_LABELS_FILE} nor sub-folders of PNG files")
    try:
        labels = np.array([int(label) for _, label in pairs])
        pictures = [_read(file, frame_shape[2]) for file, _ in pairs]
    except ValueError as error:
        raise ConfigurationError(f"data is {path}, where a label isn't the number of a class: {error}") from error
    except OSError as error:
        raise FrameError(f"data is {path}, where a picture can't be read: {error}") from error
    if len({picture.shape for picture in pictures}) > 1:
        raise FrameError(f"data is {path}, where pictures differ in size")
    frames = np.stack(pictures)
    _check(path, frames, labels, frame_shape)
    return LabelledFrames(frames, labels, [file.name for file, _ in pairs])


def _read(file: Path, channels: int) -> NDArray[np.uint8]:
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"), dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], channels)


def _check(path: Path, frames: NDArray[Any], labels: NDArray[Any], frame_shape: tuple[int, int, int]) -> None:
    if frames.shape[1:] != frame_shape or frames.dtype != np.uint8:
        raise FrameError(
            f"data is {path}: frames have shape {frames.shape[1:]} and type {frames.dtype}, the model takes "
            f"{frame_shape} and uint8"
        )
    if labels.shape != (len(frames),):
        raise FrameError(f"data is {path}: {len(frames)} frames but labels of shape {labels.shape}")
