"""A folder's crops while a person labels them: which there are, what each one is, and the way back."""

import os
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from blindsight.pages.labelling.labels_file import LabelsFile
from common.errors import ConfigurationError
from common.pictures.reading import SUFFIXES


class Labelling:
    """The crops of a folder in the order of their names, and the labels that they get. Safe between threads.

    A crop is known by its place in that order, never by a name that a request could choose.
    """

    def __init__(self, folder: Path) -> None:
        """List the folder, and read its labels. Raises `ConfigurationError` when there is nothing to label."""
        self.folder = folder
        self.files: Sequence[str] = _crops(folder)
        self._file = LabelsFile(folder)
        #: The answers of this run, newest last: the crop, and the label that it had before.
        self._answers: list[tuple[int, str | None]] = []
        self._lock = threading.Lock()
        self._counts = self._counted()

    def label(self, index: int) -> str | None:
        """The label of a crop, if it has one."""
        return self._file.labels.get(self.files[index])

    def counts(self) -> Counter[str]:
        """How many crops have each label."""
        with self._lock:
            self._refresh()
            return +self._counts

    def answer(self, index: int, label: str | None) -> None:
        """Give a crop its label, or take it away; it is on disk when this returns. Raises `OSError`."""
        with self._lock:
            self._refresh()
            before = self.label(index)
            self._change(index, label)
            self._answers.append((index, before))

    def undo(self) -> int | None:
        """Take the last answer of this run back; its crop, or None where there is no more. Raises `OSError`."""
        with self._lock:
            if not self._answers:
                return None
            self._refresh()
            index, before = self._answers[-1]
            self._change(index, before)
            self._answers.pop()
            return index

    def next_missing(self, after: int) -> int | None:
        """The next crop without a label, from the one behind `after` on and round to it."""
        number = len(self.files)
        places = (place % number for place in range(after + 1, after + 1 + number))
        return next((place for place in places if self.label(place) is None), None)

    def matching(self, only: str | None) -> Sequence[int]:
        """The crops with a label; those without one for an empty text; all of them for None."""
        if only is None:
            return range(len(self.files))
        return [index for index in range(len(self.files)) if (self.label(index) or "") == only]

    def _change(self, index: int, label: str | None) -> None:
        before = self.label(index)
        self._file.change(self.files[index], label)
        self._counts.subtract([before] if before else [])
        self._counts.update([label] if label else [])

    def _refresh(self) -> None:
        """Take over what another program wrote meanwhile."""
        if self._file.refresh():
            self._counts = self._counted()

    def _counted(self) -> Counter[str]:
        return Counter(label for file in self.files if (label := self._file.labels.get(file)) is not None)


def _crops(folder: Path) -> list[str]:
    """The names of the pictures in a folder. Raises `ConfigurationError` when there are none.

    Links are left out, which may lead anywhere, and so are names that the lines of a CSV file don't bring back.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if _is_crop(entry))
    except OSError as error:
        raise ConfigurationError(f"{folder} can't be read: {error.strerror}; give a folder of crops") from error
    if not names:
        raise ConfigurationError(f"{folder} holds no pictures ({', '.join(SUFFIXES)}); give a folder of crops")
    return names


def _is_crop(entry: "os.DirEntry[str]") -> bool:
    name = entry.name
    return (
        not name.startswith(".")
        and name.lower().endswith(SUFFIXES)
        and name.isprintable()
        and name == name.strip()
        and entry.is_file(follow_symlinks=False)
    )
