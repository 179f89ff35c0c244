"""Photos of a meter, read one by one, and compared with what they are known to show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindsight.cameras.encrypted import EncryptedModel
from blindsight.cameras.expected import Expected, ExpectedReadings
from common.errors import ConfigurationError, FrameError
from common.pictures.cropping import cut
from common.pictures.marks import open_follower
from common.pictures.reading import pictures_in, read_picture
from common.pictures.region_file import load_regions
from common.pictures.regions import Regions
from common.plan.network import Network
from common.readings.single import SingleReader
from common.readings.spec import ReadingSpec, readings_of

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class PhotoRegions:
    """The region file of a photo, and the reading in it."""

    photo: Path
    regions: Regions
    spec: ReadingSpec


@dataclass(frozen=True)
class PhotoReading:
    """What a photo shows: a value, or None where it is rejected and why; `digits` are its regions' labels.

    `expected` has the digit of each of the reading's wheels, and `wheels` their labels; `agreeing` is the number of
    labels that encryption left as they were. Both are None where nothing was expected, or encrypted.
    """

    file: str
    value: str | None
    why: str
    digits: tuple[str, ...]
    wheels: tuple[str, ...]
    expected: str | None
    is_right: bool
    agreeing: int | None

    @property
    def state(self) -> str:
        """`good` where there is a value, else `rejected`."""
        return "rejected" if self.value is None else "good"

    def facts(self) -> dict[str, object]:
        """The photo's entry in the report's JSON."""
        return {"file": self.file, "reading": self.value, "state": self.state, "digits": list(self.digits)}


@dataclass
class PhotoTest:
    """The photos of a test, and what is right about them, as shares of 1; None where nothing was expected."""

    photos: list[PhotoReading] = field(default_factory=list)

    @property
    def digits_right(self) -> float | None:
        """The share of wheels whose label is the digit that was expected."""
        pairs = [pair for photo in self._known() for pair in zip(photo.wheels, photo.expected or "", strict=True)]
        return sum(label == digit for label, digit in pairs) / len(pairs) if pairs else None

    @property
    def readings_right(self) -> float | None:
        """The share of photos with the value that was expected."""
        return self._share(lambda photo: photo.is_right)

    @property
    def readings_wrong(self) -> float | None:
        """The share of photos with another value."""
        return self._share(lambda photo: photo.value is not None and not photo.is_right)

    @property
    def readings_rejected(self) -> float | None:
        """The share of photos without a value."""
        return self._share(lambda photo: photo.value is None)

    @property
    def agree_with_plain(self) -> float | None:
        """The share of labels that are the plain model's too; None where nothing was encrypted."""
        compared = [(photo.agreeing, len(photo.digits)) for photo in self.photos if photo.agreeing is not None]
        labels = sum(number for _, number in compared)
        return sum(agreeing for agreeing, _ in compared) / labels if labels else None

    def facts(self) -> dict[str, object]:
        """The report, for JSON."""
        return {
            "photos": [photo.facts() for photo in self.photos],
            "digits_right": self.digits_right,
            "readings_right": self.readings_right,
            "readings_wrong": self.readings_wrong,
            "readings_rejected": self.readings_rejected,
            "agree_with_plain": self.agree_with_plain,
        }

    def _known(self) -> list[PhotoReading]:
        return [photo for photo in self.photos if photo.expected is not None]

    def _share(self, counts: Callable[[PhotoReading], bool]) -> float | None:
        known = self._known()
        return sum(map(counts, known)) / len(known) if known else None


def list_photos(paths: Sequence[Path]) -> list[Path]:
    """The photos that paths name; a folder stands for the pictures in it. Raises `ConfigurationError` for none."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ConfigurationError(f"there is no photo {path}; give photos, or a folder of them")
        inside = pictures_in(path) if path.is_dir() else [path]
        if not inside:
            raise ConfigurationError(f"{path} holds no pictures; give photos, or a folder of them")
        found += inside
    return found


def find_regions(photos: Sequence[Path], regions: Path) -> list[PhotoRegions]:
    """The region file of each photo: `regions`, or the file in the folder `regions` that has the photo's name.

    Raises `ConfigurationError` where one is missing, can't be used or has several readings. A file without a reading
    has one of all its regions.
    """
    found: dict[Path, tuple[Regions, ReadingSpec]] = {}
    each = []
    for photo in photos:
        path = regions / f"{photo.stem}.toml" if regions.is_dir() else regions
        if regions.is_dir() and not path.is_file():
            raise ConfigurationError(f"regions is {regions}, which has no {path.name} for the photo {photo}")
        if path not in found:
            content = load_regions(path)
            found[path] = content, _only_reading(content, path)
        each.append(PhotoRegions(photo, *found[path]))
    return each


def _only_reading(regions: Regions, path: Path) -> ReadingSpec:
    specs = readings_of(regions, path)
    if len(specs) > 1:
        raise ConfigurationError(f"{path} has {len(specs)} readings, and a photo is compared with one; leave one")
    return specs[0] if specs else ReadingSpec("reading", regions.names, 0, "", 1.0)


def read_photos(
    photos: Sequence[PhotoRegions],
    network: Network,
    expected: ExpectedReadings | None,
    encrypted: EncryptedModel | None,
    progress: Callable[[], None],
) -> PhotoTest:
    """Read each photo by itself. `progress` is called after each.

    A photo whose marks aren't found is rejected. Raises `FrameError` for one that can't be read, and
    `ConfigurationError` for one of another aspect ratio than its region file says, and as `Expected` does.
    """
    lines = [(photo, None if expected is None else expected.of(photo.photo)) for photo in photos]
    for photo, line in lines:  # all of them before the long work
        if line is not None:
            line.digits(photo.spec)
    result = PhotoTest()
    for photo, line in lines:
        result.photos.append(_read(photo, network, line, encrypted))
        progress()
    return result


def _read(
    photo: PhotoRegions, network: Network, line: Expected | None, encrypted: EncryptedModel | None
) -> PhotoReading:
    file = str(photo.photo) if line is None else line.file
    expected = None if line is None else line.digits(photo.spec)
    picture = read_picture(photo.photo)
    try:
        regions = photo.regions.scaled(picture.shape[1], picture.shape[0])
    except ConfigurationError as error:
        raise ConfigurationError(f"{photo.photo}: {error}") from error
    try:
        frames = cut(picture, open_follower(photo.regions).places(picture).regions, network.frame_shape)
    except FrameError as error:
        unread = ("",) * len(regions.regions)
        return PhotoReading(file, None, str(error), unread, unread[: len(photo.spec.regions)], expected, False, None)
    plain = network.scores(frames)
    scores = plain if encrypted is None else encrypted.scores(frames)
    agreeing = None if encrypted is None else int((scores.argmax(axis=1) == plain.argmax(axis=1)).sum())
    labels = tuple(network.labels[label] for label in scores.argmax(axis=1))
    wheels = [regions.names.index(name) for name in photo.spec.regions]
    single = SingleReader(photo.spec, network.labels).read(scores[wheels])
    shows = tuple(labels[wheel] for wheel in wheels)
    is_right = single.value is not None and expected == _digits_of(single.value, len(wheels))
    return PhotoReading(file, single.value, single.why, labels, shows, expected, is_right, agreeing)


def _digits_of(value: str, wheels: int) -> str:
    """A value's digits, as many as there are wheels."""
    return value.replace(".", "").zfill(wheels)
