"""The way of readings to a file of the user's own, each one as a line: CSV where its name ends with .csv, else JSON."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import msgspec

from common.csv_cells import cell
from common.errors import BlindsightError
from common.publishing.events import decode_event
from common.publishing.outgoing import Target
from common.publishing.ways.way import Way
from common.readings.reading import Reading
from common.service.line_file import LineFile

#: The first line of a CSV file.
_HEADER = ",".join(Reading.__struct_fields__).encode()


class ReadingsFileWay(Way):
    """Appends each reading to a file, once, also where the process dies meanwhile (`LineFile`).

    Raises `ConfigurationError` for a file that can't be written.
    """

    target: Target = "readings"
    batch = LineFile.batch
    longest_pause = 15.0  # an attempt costs nothing

    def __init__(self, path: Path) -> None:
        self._is_csv = path.suffix.lower() == ".csv"
        self._file = LineFile(path, "readings", _HEADER if self._is_csv else b"")

    def send(self, bodies: Sequence[bytes]) -> None:
        """Append readings. Raises `BlindsightError` where the file can't be written now."""
        try:
            self._file.append([_csv_line(body) for body in bodies] if self._is_csv else bodies)
        except OSError as error:
            raise BlindsightError(f"readings is {self._file}, which can't be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _csv_line(body: bytes) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow(map(cell, msgspec.structs.astuple(decode_event(body))))
    return text.getvalue().encode()
