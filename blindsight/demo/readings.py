"""The readings of a demo's meters: who writes them, how many are right, and what each party held of a picture."""

from collections.abc import Sequence
from pathlib import Path

from blindsight.demo.devices import READINGS, read_readings
from blindsight.demo.meters import UNIT, Meters, picture_name, within_unit
from blindsight.demo.pictures import camera_folder
from blindsight.demo.showing.strip import Moment
from blindsight.demo.wire_tap import WireTap
from common.pictures.reading import read_picture
from common.readings.reading import Reading
from edge.labels.results import Result


class MeterReadings:
    """The readings of a demo whose devices `names` filmed `meters`; `site` is the demo's folder."""

    def __init__(self, site: Path, meters: Meters, names: Sequence[str], results: Sequence[Result]) -> None:
        self._site, self._meters, self._names = site, meters, list(names)
        self._results = {(result.device, result.job): result for result in results}  # one of each picture's
        self._readings = self._by_picture()

    def summary(self) -> dict[str, int]:
        """How many pictures there are, how many have one reading, and how many of these are uncertain, and right.

        A reading is right that is within one unit of the last wheel.
        """
        values = {key: each.value for key, each in self._readings.items() if each.value is not None}
        return {
            "pictures": len(self._names) * self._meters.per_device,
            "read": len(self._readings),
            "uncertain": len(self._readings) - len(values),
            "right": sum(within_unit(value, self._meters.count(*key)) for key, value in values.items()),
        }

    def moments(self, tap: WireTap) -> list[Moment]:
        """The last pictures of the first device, with what the broker saw of each and the reading that came back."""
        name = self._names[0]
        return [
            self._moment(self._results[(name, job)], ciphertext)
            for job, ciphertext in tap.ciphertexts(name).items()
            if (name, job) in self._results
        ]

    def _moment(self, result: Result, ciphertext: bytes) -> Moment:
        number = _number(result)
        file = camera_folder(self._site, result.device) / picture_name(0, number)
        reading = self._readings.get((0, number))
        value = None if reading is None else reading.value
        note = f"{UNIT}, {'no reading' if reading is None else reading.state}, after {result.latency_ms:.0f} ms"
        return Moment(read_picture(file), ciphertext, value or "?", note)

    def _by_picture(self) -> dict[tuple[int, int], Reading]:
        """The readings by the numbers of device and picture, both from 0."""
        files = [self._site / READINGS, *(self._site / name / READINGS for name in self._names)]
        found = {}
        for reading in (each for file in files for each in read_readings(file)):
            result = self._results.get((reading.device, reading.job))
            if result is not None:
                found[(self._names.index(reading.device), _number(result))] = reading
        return found


def _number(result: Result) -> int:
    """The number of a result's picture: its source is the picture's name and the region's."""
    return int(result.source.partition(".")[0].rpartition("-")[2])
