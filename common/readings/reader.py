"""The readings of a device's pictures: from the scores of a burst to readings, and to what is to be remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from common.logs import get_logger
from common.quoting import shown
from common.readings.evidence import Floats, Labels
from common.readings.packing import pack, unpack
from common.readings.reading import Reading
from common.readings.spec import Layout, ReadingSpec
from common.readings.tracker import Track, Tracker

#: What is remembered of each reading of a device, as bytes, by the reading's name and the key of its specification.
Tracks = Mapping[tuple[str, str], bytes]

log = get_logger(__name__)


@dataclass(frozen=True)
class Taken:
    """What one picture of a device gave: its readings, and what is to be remembered, which replaces what was."""

    device: str = ""
    readings: Sequence[Reading] = ()
    tracks: Tracks = field(default_factory=dict)


#: What a picture gives of which nothing is read.
NOTHING_TAKEN = Taken()


class Reader:
    """Reads all pictures of devices with the same regions and the same plan, whose labels have these names.

    It remembers nothing between pictures: what is known of a device comes in and goes out with each of them, to be
    recorded together with the readings, all or nothing. Raises `ConfigurationError` for a plan without digits.
    """

    def __init__(self, layout: Layout, names: Sequence[str]) -> None:
        labels = Labels(names) if layout.readings else None
        self.regions = len(layout.regions)
        self._readings = [
            (spec, layout.wheels(spec), Tracker(spec, labels)) for spec in layout.readings if labels is not None
        ]

    def take(
        self, device: str, job: str, scores: Floats, captured_at: float | None, arrived: float, tracks: Tracks
    ) -> Taken:
        """Read a picture from its regions' scores, (regions, labels), in the order of the region file.

        Times are in seconds since the epoch; where the time of capture is unknown, that of arrival stands for it.
        """
        at = arrived if captured_at is None else captured_at
        readings, later = [], {}
        for spec, wheels, tracker in self._readings:
            place = (spec.name, spec.key)
            track = _track(device, spec, tracks)
            track, outcome = tracker.take(track, np.asarray(scores[wheels], np.float64), at)
            later[place] = pack(track)
            readings.append(
                Reading(
                    device=device,
                    name=spec.name,
                    job=job,
                    captured_at=captured_at,
                    state=outcome.state,
                    value=outcome.value,
                    unit=spec.unit,
                    probability=outcome.probability,
                    why=outcome.why,
                )
            )
        return Taken(device, readings, later)


def _track(device: str, spec: ReadingSpec, tracks: Tracks) -> Track | None:
    """What is known of a reading; None where it begins, or where that is damaged."""
    packed = tracks.get((spec.name, spec.key))
    if packed is None:
        if any(name == spec.name for name, _ in tracks):
            why = "a reading has other regions or decimals than before, and begins anew"
            log.warning(why, device=device, reading=spec.name)
        return None
    try:
        return unpack(packed, len(spec.regions))
    except ValueError as error:
        why = "what was known of a reading is damaged, and it begins anew"
        log.warning(why, device=device, reading=spec.name, reason=shown(error))
        return None
