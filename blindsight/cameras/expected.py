"""What photos of a meter are known to show: a CSV file with the columns `file` and `reading`."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from common.csv_files import read_csv
from common.errors import ConfigurationError
from common.quoting import shown
from common.readings.spec import ReadingSpec


@dataclass(frozen=True)
class Expected:
    """A photo's line: its name as it is written there, what it shows, and where that is said."""

    file: str
    reading: str
    where: str

    def digits(self, spec: ReadingSpec) -> str:
        """The digit of each of the reading's wheels, the most significant first.

        A number without a decimal point and with as many digits as there are wheels is what the wheels show, whatever
        the decimals. Raises `ConfigurationError` for one that the wheels can't show.
        """
        wheels = len(spec.regions)
        if self.reading.isascii() and self.reading.isdigit() and len(self.reading) == wheels:
            return self.reading
        try:
            count = Decimal(self.reading).scaleb(spec.decimals)
        except InvalidOperation as error:
            raise ConfigurationError(
                f"{self.where}: reading is {shown(self.reading)!r}; give a number such as 1234.5"
            ) from error
        if not count.is_finite() or count != count.to_integral_value() or not 0 <= count < 10**wheels:
            raise ConfigurationError(
                f"{self.where}: reading is {shown(self.reading)}, which {wheels} wheels with {spec.decimals} decimals "
                "can't show; correct it, or the region file's [reading]"
            )
        return f"{int(count):0{wheels}d}"


class ExpectedReadings:
    """The lines of a file. Raises `ConfigurationError` where it can't be read, or a line isn't as it should be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            (_, head), *rows = list(read_csv(path)) or [(1, [])]
        except OSError as error:
            raise ConfigurationError(f"expect is {path}, which can't be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"expect is {path}, which is no UTF-8 text; save it as one") from error
        except ValueError as error:
            raise ConfigurationError(f"expect is {path}, which can't be read: {error}") from error
        if not {"file", "reading"} <= set(head):
            raise ConfigurationError(f"expect is {path}, whose first line isn't: file,reading")
        self._lines: dict[str, Expected] = {}
        for line, row in rows:
            where = f"expect is {path}, line {line}"
            named = dict(zip(head, row, strict=False))
            file, reading = named.get("file", ""), named.get("reading")
            if not file or reading is None:
                raise ConfigurationError(f"{where}: it has no file or no reading; write: FILE,READING")
            if file in self._lines:
                raise ConfigurationError(f"{where}: {shown(file)} is there twice; leave one line")
            self._lines[file] = Expected(file, reading.strip(), where)

    def of(self, photo: Path) -> Expected:
        """A photo's line, by its path or its name. Raises `ConfigurationError` where there is none."""
        for name in (str(photo), photo.name):
            if name in self._lines:
                return self._lines[name]
        raise ConfigurationError(f"expect is {self._path}, which has no line for {photo}; add: {photo.name},READING")
