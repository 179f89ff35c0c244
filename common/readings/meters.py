"""Which readings are made of which device's labels: what a key holder's region files say."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.errors import ConfigurationError
from common.logs import get_logger
from common.plan.plan import PlanHead
from common.quoting import shown
from common.readings.reader import Reader
from common.readings.spec import Layout, ReadingSpec, load_layout
from common.service.repeated import RepeatedLines

log = get_logger(__name__)


class Meters:
    """The readers of devices' pictures: by one layout for all of them, or by each one's own."""

    def __init__(self, everywhere: Layout | None = None, by_device: Mapping[str, Layout] | None = None) -> None:
        self._everywhere, self._by_device = everywhere, by_device or {}
        self._readers: dict[tuple[Layout, str], Reader] = {}
        self._lines = RepeatedLines()

    def check(self, heads: Sequence[PlanHead]) -> None:
        """Raise `ConfigurationError` for a layout with readings that can't be made of any plan's labels."""
        for layout in self._layouts():
            errors = [error for head in heads if (error := _unfit(layout, head)) is not None]
            if errors and len(errors) == len(heads):
                raise errors[0]

    def check_output(self, readings: Path | None) -> None:
        """Raise `ConfigurationError` where readings are to be written, and no layout has any."""
        if readings is not None and not any(layout.readings for layout in self._layouts()):
            raise ConfigurationError(
                f"readings is {readings}, and nothing says what is read; give --regions with a file that has a table "
                "[reading]"
            )

    def cuts(self, device: str) -> bool:
        """Whether a device cuts regions out of its pictures, as far as is known."""
        return self._layout(device) is not None

    def regions(self, device: str, sources: Sequence[str]) -> Sequence[str]:
        """The name of each frame's region, for the frames of a burst with these sources; empty names if there are none.

        `sources` are those of its frames, "picture:region" each, or empty where they aren't known.
        """
        layout = self._layout(device)
        return [""] * len(sources) if layout is None or _other_regions(layout, sources) else layout.regions

    def is_wheel(self, device: str, region: str) -> bool:
        """Whether a region of a device is part of a reading."""
        return any(region in spec.regions for spec in self._specs(device))

    def readings(self, device: str) -> list[str]:
        """The names of a device's readings."""
        return [spec.name for spec in self._specs(device)]

    def labelled(self, device: str) -> list[str]:
        """The regions of a device whose labels stand for themselves; an empty name where its pictures are whole."""
        layout = self._layout(device)
        return [""] if layout is None else [name for name in layout.regions if not self.is_wheel(device, name)]

    def device_class(self, device: str, name: str) -> str:
        """What a reading of a device meters, where its region file says it; else empty."""
        return next((spec.device_class for spec in self._specs(device) if spec.name == name), "")

    def of(self, device: str, head: PlanHead, sources: Sequence[str]) -> Reader | None:
        """The reader for a device's burst of a plan; None where there is nothing to read.

        `sources` are those of its frames, "picture:region" each, or empty where they aren't known.
        """
        layout = self._layout(device)
        if layout is None or not layout.readings:
            return None
        reason = _other_regions(layout, sources) or str(_unfit(layout, head) or "")
        if reason:
            self._lines.say(log.warning, "no reading is made of a device's labels", device, reason=reason)
            return None
        key = layout, head.hash
        if key not in self._readers:
            self._readers[key] = Reader(layout, head.labels)
        return self._readers[key]

    def _specs(self, device: str) -> Sequence[ReadingSpec]:
        layout = self._layout(device)
        return () if layout is None else layout.readings

    def _layouts(self) -> set[Layout]:
        return {layout for layout in (self._everywhere, *self._by_device.values()) if layout is not None}

    def _layout(self, device: str) -> Layout | None:
        return self._by_device.get(device, self._everywhere)


def load_meters(regions: Path | None) -> Meters:
    """The meters of a region file, or of a folder with a file DEVICE.toml for each device.

    Raises `ConfigurationError`.
    """
    if regions is None:
        return Meters()
    if not regions.is_dir():
        return Meters(load_layout(regions))
    layouts = {path.stem: load_layout(path) for path in sorted(regions.glob("*.toml"))}
    if not layouts:
        raise ConfigurationError(f"regions is {regions}, a folder without a region file DEVICE.toml; put one there")
    return Meters(by_device=layouts)


def _unfit(layout: Layout | None, head: PlanHead) -> ConfigurationError | None:
    """Why a layout's readings can't be made of a plan's labels; None if they can, or there are none."""
    if layout is not None:
        try:
            Reader(layout, head.labels)
        except ConfigurationError as error:
            return error
    return None


def _other_regions(layout: Layout, sources: Sequence[str]) -> str:
    """Why a burst isn't a picture's regions by a layout; empty if it is."""
    if len(sources) != len(layout.regions):
        return f"its bursts have {len(sources)} frames, and the region file has {len(layout.regions)} regions"
    names = [source.rpartition(":")[2] for source in sources]
    if any(sources) and names != list(layout.regions):
        return f"its bursts have the regions {', '.join(map(shown, names))}, and the region file has others"
    return ""
