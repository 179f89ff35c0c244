"""A model's folder: the network and sample frames, written whole or not at all."""

import csv
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import ConfigurationError
from common.plan.network import Network
from common.writable import check_folder

#: Frames that are kept as samples, at most.
MOST_SAMPLES = 100
#: Channels of frames that can be kept as pictures.
_PICTURE_CHANNELS = (1, 3)


def save_model(
    network: Network,
    frames: NDArray[np.uint8],
    labels: Sequence[int] | NDArray[np.integer],
    out: Path,
    *,
    force: bool = False,
    add: Callable[[Path], None] = lambda folder: None,
) -> None:
    """Write a model's folder, with samples out of frames (n, h, w, c) of these labels; all of it or nothing.

    `add` is called with the folder before it takes its place, and may write more files into it.

    Raises `ConfigurationError` where the folder holds something already, unless `force` replaces a model.
    """
    check_target(out, force)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".blindsight-", dir=out.parent) as made:
        fresh = Path(made) / "new"
        fresh.mkdir()
        network.save(fresh / "network.npz")
        _save_samples(network, frames, labels, fresh / "samples")
        add(fresh)
        if out.exists():
            out.rename(Path(made) / "old")
        fresh.rename(out)


def chosen_samples(count: int) -> NDArray[np.int64]:
    """Which of so many frames are kept as samples: some from all over, since files are often sorted by label."""
    return np.unique(np.linspace(0, count - 1, min(MOST_SAMPLES, count)).astype(np.int64))


def check_target(out: Path, force: bool) -> None:
    """Raises `ConfigurationError` where a model can't be written to `out`."""
    if out.exists() and not out.is_dir():
        raise ConfigurationError(f"out is {out}, which is a file; name a folder")
    check_folder(out, "out")
    check_folder(out.parent, "out")
    if not out.exists() or not any(out.iterdir()):
        return
    if not (out / "network.npz").is_file():
        raise ConfigurationError(f"out is {out}, which holds something else than a model; name another folder")
    if not force:
        raise ConfigurationError(f"out is {out}, which holds a model; name another folder, or replace it with --force")


def _save_samples(
    network: Network, frames: NDArray[np.uint8], labels: Sequence[int] | NDArray[np.integer], folder: Path
) -> None:
    if network.frame_shape[2] not in _PICTURE_CHANNELS:
        return
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "label"])
        for number, index in enumerate(chosen_samples(len(frames))):
            frame = frames[index]
            Image.fromarray(frame[..., 0] if frame.shape[2] == 1 else frame).save(folder / f"{number:03d}.png")
            rows.writerow([f"{number:03d}.png", network.labels[labels[index]]])
