"""What a demo's cameras show, for example a model's sample frames; and the right label of each frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from blindsight.demo.report import Expectation
from common.plan.network import Network
from compiler.labelled import LabelledFrames

#: Pictures in a camera's folder, at most, once more come than were there at first.
_MOST_PICTURES = 500


class Pictures(Protocol):
    """What the cameras of a demo show; `names` are those of the devices, and each has a folder in the site's."""

    @property
    def per_device(self) -> int:
        """Pictures of each device."""

    @property
    def frames_per_picture(self) -> int:
        """Frames of a picture, each of which gets a label."""

    def write(self, site: Path, names: Sequence[str]) -> list[list[str]]:
        """Write the pictures of each device to `camera_folder`; returns further options of each device."""

    def more(self, site: Path, names: Sequence[str]) -> Iterator[None]:
        """Write one more picture of each device with each step, without an end."""

    def console_options(self, site: Path) -> list[str]:
        """Further options of a console that reads the labels."""

    def are_read(self, site: Path, names: Sequence[str]) -> bool:
        """Whether there is a reading of each picture, where there are readings at all."""

    def expected(self, network: Network, site: Path, names: Sequence[str]) -> dict[str, Expectation]:
        """By a frame's source its true label, and the one that the plain model gives it."""


def camera_folder(site: Path, name: str) -> Path:
    """The folder of a device's pictures."""
    return site / name / "camera"


def put(picture: Image.Image, folder: Path, name: str) -> None:
    """Put a picture into a camera's folder, whole; of those that are there, the oldest make room."""
    unfinished = folder / f".{name}"
    picture.save(unfinished)
    unfinished.rename(folder / name)
    pictures = [path for path in folder.iterdir() if not path.name.startswith(".")]
    for old in sorted(pictures, key=lambda path: path.stat().st_mtime_ns)[:-_MOST_PICTURES]:
        old.unlink()


@dataclass(frozen=True)
class SamplePictures:
    """A model's sample frames; each device goes on in the samples where the one before it ends."""

    samples: LabelledFrames
    per_device: int
    frames_per_picture: int = 1

    def write(self, site: Path, names: Sequence[str]) -> list[list[str]]:
        """Write the pictures; devices have no further options."""
        for device, name in enumerate(names):
            folder = camera_folder(site, name)
            folder.mkdir(parents=True)
            for file, sample in self._of(device):
                Image.fromarray(np.squeeze(self.samples.frames[sample])).save(folder / file)
        return [[] for _ in names]

    def more(self, site: Path, names: Sequence[str]) -> Iterator[None]:
        """The samples that come next, and again from the first one on."""
        for number in count(self.per_device):
            for device, name in enumerate(names):
                file, sample = self._picture(device, number)
                put(Image.fromarray(np.squeeze(self.samples.frames[sample])), camera_folder(site, name), file)
            yield

    def console_options(self, site: Path) -> list[str]:
        """None: a console needs to know nothing of whole pictures."""
        return []

    def are_read(self, site: Path, names: Sequence[str]) -> bool:
        """Samples have labels only."""
        return True

    def expected(self, network: Network, site: Path, names: Sequence[str]) -> dict[str, Expectation]:
        """By a picture's name its true label, and the one that the plain model gives it."""
        scores = network.scores(self.samples.frames)
        truth = [network.labels[label] for label in self.samples.labels]
        sample_of = dict(picture for device in range(len(names)) for picture in self._of(device))
        return {file: Expectation.of(network, truth[at], scores[at]) for file, at in sample_of.items()}

    def _of(self, device: int) -> Iterator[tuple[str, int]]:
        """The names of a device's pictures, each with its sample's index."""
        return (self._picture(device, number) for number in range(self.per_device))

    def _picture(self, device: int, number: int) -> tuple[str, int]:
        sample = (device * self.per_device + number) % len(self.samples.frames)
        return f"{number:06d}-{sample:04d}.png", sample
