"""The meters that a demo's cameras film: one for each device, which counts from picture to picture."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PIL import Image

from blindsight.demo.devices import READINGS, read_readings
from blindsight.demo.pictures import camera_folder, put
from blindsight.demo.report import Expectation
from common.pictures.corners import Corners
from common.pictures.cropping import cut
from common.pictures.region_file import format_regions, load_regions
from common.pictures.regions import Region, Regions
from common.plan.network import Network
from common.wire.messages import Custody

if TYPE_CHECKING:
    from models.rendering.photos import Photo

#: Wheels of each meter.
WHEELS = 5
#: The unit of the readings.
UNIT = "kWh"
#: Seeds of meters that look like meters in a cellar; a device whose number is beyond them begins again.
_SEEDS = (10, 15, 2, 21)
#: The first meter's count in its first picture, and what each further device's is ahead.
_FIRST_COUNT, _AHEAD = 4695, 1357
#: Turns of the last wheel between two pictures. The wheel is between two digits in every other picture.
_STEP = 0.5
#: What a reading grows in an hour, at most, in its unit: one in a second, since several pictures come in one.
_MAX_RATE = 3600.0


@dataclass(frozen=True)
class Meters:
    """As many pictures of its meter for each device. Whoever has the secret key, as `custody` says, reads them."""

    per_device: int
    custody: Custody
    frames_per_picture: int = WHEELS

    def write(self, site: Path, names: Sequence[str]) -> list[list[str]]:
        """Write the pictures and region files of all devices."""
        _region_folder(site).mkdir(parents=True)
        for device, name in enumerate(names):
            folder = camera_folder(site, name)
            folder.mkdir(parents=True)
            for number, photo in enumerate(self._film(device, range(self.per_device))):
                Image.fromarray(photo.picture).save(folder / picture_name(device, number))
                if number == 0:  # later ones have the same regions
                    _regions_of(site, name).write_text(_region_file(photo), encoding="utf-8")
        return [["--regions", str(_regions_of(site, name)), *self._reading_options(site / name)] for name in names]

    def more(self, site: Path, names: Sequence[str]) -> Iterator[None]:
        """The meters count on."""
        films = [self._film(device, count(self.per_device)) for device in range(len(names))]
        for number in count(self.per_device):
            for device, (name, film) in enumerate(zip(names, films, strict=True)):
                put(Image.fromarray(next(film).picture), camera_folder(site, name), picture_name(device, number))
            yield

    def console_options(self, site: Path) -> list[str]:
        """The options of a console that reads the meters of all devices."""
        return ["--regions", str(_region_folder(site)), "--readings", str(site / READINGS)]

    def are_read(self, site: Path, names: Sequence[str]) -> bool:
        """Whether there is a reading of each picture."""
        found = sum(len(read_readings(folder / READINGS)) for folder in (site, *(site / name for name in names)))
        return found >= self.per_device * len(names)

    def expected(self, network: Network, site: Path, names: Sequence[str]) -> dict[str, Expectation]:
        """By a region's source what it shows, and what the plain model says of it."""
        from models.rendering.crops import LABELS, truth

        found: dict[str, Expectation] = {}
        for device, name in enumerate(names):
            regions = load_regions(_regions_of(site, name))
            for number, photo in enumerate(self._film(device, range(self.per_device))):
                frames = cut(photo.picture, regions.regions, network.frame_shape)
                scores = network.scores(frames)
                for region, digit, of_digit in zip(regions.names, photo.digits, scores, strict=True):
                    right = LABELS[truth(digit.position, digit.hidden).argmax()]
                    source = f"{picture_name(device, number)}:{region}"
                    found[source] = Expectation.of(network, right, of_digit)
        return found

    def count(self, device: int, number: int) -> float:
        """What the meter of a device shows in a picture, in units of its last wheel."""
        return _FIRST_COUNT + device * _AHEAD + number * _STEP

    def _reading_options(self, state: Path) -> list[str]:
        return ["--readings", str(state / READINGS)] if self.custody == "device" else []

    def _film(self, device: int, numbers: Iterable[int]) -> "Iterator[Photo]":
        from models.rendering.film import film  # with OpenCV, which only the demo of a meter needs
        from models.rendering.fonts import SHIPPED, find_fonts

        counts = (self.count(device, number) for number in numbers)
        return film(_SEEDS[device % len(_SEEDS)], find_fonts([SHIPPED]), counts, digits=WHEELS)


def picture_name(device: int, number: int) -> str:
    """The name of a device's picture; both count from 0."""
    return f"{device:02d}-{number:04d}.png"


def _region_folder(site: Path) -> Path:
    """The folder of the region files, one for each device."""
    return site / "regions"


def _regions_of(site: Path, name: str) -> Path:
    return _region_folder(site) / f"{name}.toml"


def within_unit(value: str, count: float) -> bool:
    """Whether a reading is right for a count: within one unit of the last wheel."""
    return abs(int(value) - count) <= 1


def _region_file(photo: "Photo") -> str:
    height, width = photo.picture.shape[:2]
    corners = [tuple((float(x), float(y)) for x, y in digit.window) for digit in photo.digits]
    regions = tuple(Region(f"d{number}", cast(Corners, each)) for number, each in enumerate(corners, start=1))
    reading = {"name": "meter", "regions": [each.name for each in regions], "unit": UNIT, "max_rate": _MAX_RATE}
    return format_regions(Regions((width, height), regions, readings=(reading,)))
