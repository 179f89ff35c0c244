"""Dead letters on the pages: of devices whose outboxes are on this machine, or of none."""

import io
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from blindsight.web.parts.paging import newest_first, page_of
from common.errors import ConfigurationError
from edge.outbox.dead_letters import LINES, DeadLetters, EntrySummary
from web.site import DeadLetterView, Page

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class NoDeadLetters:
    """What a site says that isn't where the dead letters are."""

    def dead_letters(self, device: str, cursor: str | None, limit: int) -> Page[DeadLetterView]:
        """None: they are in the outbox of their device."""
        return Page(())

    def retry(self, device: str, jobs: Sequence[str]) -> int:
        """Raise `ConfigurationError`."""
        raise _elsewhere(device)

    def drop(self, device: str, jobs: Sequence[str]) -> int:
        """Raise `ConfigurationError`."""
        raise _elsewhere(device)

    def export_dead_letters(self, device: str, jobs: Sequence[str]) -> Iterator[bytes]:
        """Raise `ConfigurationError`."""
        raise _elsewhere(device)


def _elsewhere(device: str) -> ConfigurationError:
    return ConfigurationError(
        f"the dead letters of device {device!r} are in its own outbox; use its own page (blindsight device --web), or "
        "there: blindsight device outbox"
    )


class Letters:
    """The dead letters in outboxes, by the names of their devices. An outbox is opened when it is first asked for."""

    def __init__(self, outboxes: Mapping[str, Path]) -> None:
        self._outboxes = dict(outboxes)
        self._opened: dict[str, DeadLetters] = {}  # and stays open: opening one checks the whole file
        self._turn = threading.Lock()

    def close(self) -> None:
        """Close the outboxes; no method may be called afterwards."""
        with self._turn:
            for letters in self._opened.values():
                letters.close()
            self._opened.clear()

    def dead_letters(self, device: str, cursor: str | None, limit: int) -> Page[DeadLetterView]:
        """Those of a device, or of all where `device` is empty; by device, the one captured last first."""
        names = [device] if device else sorted(self._outboxes)
        views = [view for name in names for view in self._views(name)]
        return page_of(views, _key, cursor, limit)

    def retry(self, device: str, jobs: Sequence[str]) -> int:
        """Let dead letters be sent again; how many there were of these."""
        letters = self._open(device)
        return sum(letters.retry(each.job) for each in _chosen(letters, jobs))

    def drop(self, device: str, jobs: Sequence[str]) -> int:
        """Delete dead letters for good; how many there were of these."""
        letters = self._open(device)
        return sum(letters.drop(each.job) for each in _chosen(letters, jobs))

    def export_dead_letters(self, device: str, jobs: Sequence[str]) -> Iterator[bytes]:
        """Dead letters as a zip file: a JSON line each, and their ciphertexts."""
        return _zipped(self._open(device), jobs)

    def _open(self, device: str) -> DeadLetters:
        if device not in self._outboxes:
            raise ConfigurationError(f"there is no outbox of device {device!r} here; give one of {self._known()}")
        with self._turn:
            if device not in self._opened:
                self._opened[device] = DeadLetters(self._outboxes[device])
            return self._opened[device]

    def _known(self) -> str:
        return ", ".join(sorted(self._outboxes))

    def _views(self, device: str) -> list[DeadLetterView]:
        if device not in self._outboxes or not self._outboxes[device].is_file():
            return []
        return [_view(device, each) for each in reversed(self._open(device).parked())]


def _chosen(letters: DeadLetters, jobs: Sequence[str]) -> list[EntrySummary]:
    wanted = set(jobs)
    return [each for each in letters.parked() if each.job in wanted]


def _key(view: DeadLetterView) -> str:
    return f"{view.device}/{newest_first(view.counter)}"


def _view(device: str, entry: EntrySummary) -> DeadLetterView:
    return DeadLetterView(
        device=device,
        job=entry.job,
        counter=entry.counter,
        captured_at=tuple(frame.captured_at for frame in entry.frames),
        reason=entry.reason or "",
        detail=entry.detail or "",
        parked_at=entry.parked_at or 0.0,
        attempts=entry.attempts,
        retries=entry.retries,
        key_set=entry.key_set,
        plan=entry.plan,
        size=entry.size,
    )


class _Pipe(io.RawIOBase):
    """What was written since it was last emptied."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: "ReadableBuffer") -> int:
        """Take bytes."""
        part = bytes(data)
        self._parts.append(part)
        return len(part)

    def empty(self) -> bytes:
        """All that was written."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _zipped(letters: DeadLetters, jobs: Sequence[str]) -> Iterator[bytes]:
    pipe, lines = _Pipe(), []
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:  # ciphertexts don't get smaller
        for line, ciphertext in letters.exported(_chosen(letters, jobs)):
            archive.writestr(line.file, ciphertext)
            lines.append(msgspec.json.encode(line) + b"\n")
            yield pipe.empty()
        archive.writestr(LINES, b"".join(lines))
    yield pipe.empty()
