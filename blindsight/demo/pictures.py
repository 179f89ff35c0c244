"""The pictures that a demo's cameras show: a model's sample frames, and the label of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from blindsight.demo.report import Expectation
from common.plan.network import Network
from compiler.labelled import LabelledFrames


@dataclass(frozen=True)
class Pictures:
    """As many pictures for each device; each device goes on in the samples where the one before it ends."""

    samples: LabelledFrames
    per_device: int

    def write(self, device: int, folder: Path) -> None:
        """Write the pictures of one device, whose number counts from 0, to its camera's folder."""
        folder.mkdir(parents=True)
        for name, sample in self._of(device):
            Image.fromarray(np.squeeze(self.samples.frames[sample])).save(folder / name)

    def expected(self, network: Network, devices: int) -> dict[str, Expectation]:
        """By a picture's name its true label, and the one that the plain model gives it."""
        plain = network.scores(self.samples.frames).argmax(axis=1)
        truth, labels = self.samples.labels, network.labels
        sample_of = dict(picture for device in range(devices) for picture in self._of(device))
        return {name: Expectation(labels[truth[sample]], labels[plain[sample]]) for name, sample in sample_of.items()}

    def _of(self, device: int) -> Iterator[tuple[str, int]]:
        """The names of a device's pictures, each with its sample's index."""
        for number in range(self.per_device):
            sample = (device * self.per_device + number) % len(self.samples.frames)
            yield f"{number:06d}-{sample:04d}.png", sample
