"""`labels.csv` of a folder of crops: which label each one has, on disk after every change."""

import contextlib
import csv
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from common.csv_files import read_csv
from common.errors import ConfigurationError

#: The file's name, as training and measuring read it, and the two columns that they need.
NAME, COLUMNS = "labels.csv", ("file", "label")


class LabelsFile:
    """The labels of a folder's files. Other columns, and rows of files that aren't there, stay as they are."""

    def __init__(self, folder: Path) -> None:
        """Read the file, if there is one. Raises `ConfigurationError` when it isn't a list of labels."""
        self.path = folder / NAME
        self._columns: list[str]
        self._rows: dict[str, list[str]]
        self._labels: dict[str, str]
        self._read()

    @property
    def labels(self) -> Mapping[str, str]:
        """The label of each file that has one."""
        return self._labels

    def refresh(self) -> bool:
        """Read the file again if another program wrote it; whether that was so. Raises `ConfigurationError`."""
        if self._written == _version(self.path):
            return False
        self._read()
        return True

    def change(self, file: str, label: str | None) -> None:
        """Give a file its label, or take it away with None, and write the file. Raises `OSError`, and changes nothing.

        The new file takes the place of the old one at once, so that whoever reads meanwhile, or after a crash, finds
        one of the two whole.
        """
        rows = dict(self._rows)
        if label is None:
            rows.pop(file, None)
        else:
            row = list(rows.get(file, [""] * len(self._columns)))
            row[self._columns.index("file")], row[self._columns.index("label")] = file, label
            rows[file] = row
        self._write(rows)
        self._rows = rows
        if label is None:
            self._labels.pop(file, None)
        else:
            self._labels[file] = label

    def _read(self) -> None:
        self._written = _version(self.path)
        self._columns, self._rows = _parse(self.path) if self._written else (list(COLUMNS), {})
        place = self._columns.index("label")
        self._labels = {file: row[place] for file, row in self._rows.items() if row[place]}

    def _write(self, rows: Mapping[str, list[str]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self._columns)
        writer.writerows(rows.values())
        handle, partial = tempfile.mkstemp(dir=self.path.parent, prefix=f".{NAME}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text.getvalue())
                file.flush()
                os.fsync(file.fileno())
            Path(partial).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(partial).unlink()
            raise
        self._written = _version(self.path)


def _version(path: Path) -> tuple[int, int, int] | None:
    """What changes when another file takes the place of this one, or it is written to; None where there is none."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _parse(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The file's columns, and its rows by file, each with a text for every column; of a file's rows the last one."""
    try:
        rows = [row for _, row in read_csv(path)]
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}; its lines are: file,label") from error
    columns = [name.strip() for name in rows[0]] if rows else list(COLUMNS)
    for name in COLUMNS:
        if columns.count(name) != 1:
            raise ConfigurationError(f"{path} has no column {name!r}, or two; its first line is: file,label")
    place, width = columns.index("file"), len(columns)
    found: dict[str, list[str]] = {}
    for row in rows[1:]:
        whole = [text.strip() for text in row[:width]] + [""] * (width - len(row))
        if whole[place]:
            found.pop(whole[place], None)  # so that the order is that of the last rows
            found[whole[place]] = whole
    return columns, found
