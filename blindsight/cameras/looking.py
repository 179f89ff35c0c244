"""What a model, in plain, sees in the regions of a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError
from common.keys.scores import leads
from common.pictures.corners import Corners
from common.pictures.cropping import crop, cut
from common.pictures.marks import open_follower
from common.pictures.picture import Picture
from common.pictures.regions import Region, Regions
from common.plan.network import Network
from common.readings.single import SingleReader
from common.readings.spec import ReadingSpec


@dataclass(frozen=True)
class SeenRegion:
    """A region where it is in the picture, its crop (h, w, c), the frame made of it, and the model's label and lead."""

    region: Region
    crop: NDArray[np.uint8]
    frame: NDArray[np.uint8]
    label: str
    lead: float


@dataclass(frozen=True)
class Look:
    """The regions of a picture, where its marks are, and a sentence for each reading."""

    seen: tuple[SeenRegion, ...]
    marks: tuple[Corners, ...]
    readings: tuple[str, ...]


def look_at(picture: Picture, regions: Regions, network: Network, specs: Sequence[ReadingSpec]) -> Look:
    """Look at a picture by itself. Raises `FrameError` when its regions can't be cut out, and `ConfigurationError`."""
    places, marks, _ = open_follower(regions).places(picture)
    frames = cut(picture, places, network.frame_shape)
    scores = network.scores(frames)
    labels = [network.labels[label] for label in scores.argmax(axis=1)]
    seen = (
        SeenRegion(region, crop(picture, region.corners), frame, label, float(lead))
        for region, frame, label, lead in zip(places, frames, labels, leads(scores), strict=True)
    )
    return Look(tuple(seen), marks, tuple(_sentence(spec, regions, network, scores) for spec in specs))


def _sentence(spec: ReadingSpec, regions: Regions, network: Network, scores: NDArray[np.float64]) -> str:
    try:
        reader = SingleReader(spec, network.labels)
    except ConfigurationError:
        return f"{spec.name}: this model reads no digits"
    single = reader.read(scores[[regions.names.index(name) for name in spec.regions]])
    return f"{spec.name}: {single.value or 'rejected, ' + single.why}"
