"""A folder that receives pictures, from a camera's FTP client, say, or from a program that takes them."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from common.errors import ConfigurationError, FrameError
from common.files import read_file
from common.logs import get_logger
from common.pictures.picture import Picture
from common.pictures.reading import SUFFIXES, read_picture
from common.quoting import as_utf8
from edge.camera.cameras import Shot
from edge.camera.sources.pace import Pace
from edge.camera.sources.retries import Retries

#: Seconds between two looks into the folder.
_LOOK = 0.5
#: The share of the time that goes into looking, at most: a folder of a hundred thousand pictures takes a while to list.
_SHARE = 0.1
#: Seconds that a file has to stay as it is before it is read: it may still be written.
_SETTLED = 1.0
#: Seconds after which a file that stayed as it is and can't be read is skipped: until then its writer may go on.
_GIVEN_UP = 30.0
#: Bytes of the file that says which pictures were taken, at most.
_MOST_BYTES = 1 << 16

log = get_logger(__name__)


class _Taken(msgspec.Struct, frozen=True):
    """The folder, and the newest picture that was taken of it: when its file changed last (ns), and its name.

    Both are texts of `as_utf8`.
    """

    folder: str
    changed_ns: int = -1
    name: str = ""


@dataclass
class _Arrival:
    """A file that wasn't taken yet: when it changed last (ns), and since when it is as it is (monotonic, s)."""

    changed_ns: int
    since: float


class WatchedFolder:
    """The pictures of a folder, the oldest first, and then those that it receives, each once, also over restarts.

    What counts as a file's age is when it was changed or moved to this place last (its ctime): a picture that is
    written anew under the same name is another picture. `memory` is the file that remembers the newest one taken.
    """

    def __init__(self, folder: Path, pace: Pace, memory: Path, rate: float | None) -> None:
        self._folder, self._pace, self._memory = folder, pace, memory
        self._retries = Retries(f"folder:{folder}", pace)
        self._taken = _recall(memory, as_utf8(str(folder.absolute())))
        self._arrivals: dict[str, _Arrival] = {}
        self.rate = rate
        self.skipped = 0
        try:
            there = self._list()
        except OSError as error:
            raise ConfigurationError(f"camera is folder:{folder}, which can't be read: {error.strerror}") from error
        newest = self._taken.changed_ns, self._taken.name
        # When the files that need no look any more changed last (ns), by name. Their times are compared with the newest
        # one's here only: clocks may be set back while we run.
        self._done = {name: changed for name, changed in there.items() if (changed, as_utf8(name)) <= newest}
        self._retries.worked()

    @property
    def trouble(self) -> str:
        """What is wrong with the folder now."""
        return self._retries.trouble

    @property
    def reconnects(self) -> int:
        """How often the folder couldn't be read."""
        return self._retries.count

    def shots(self) -> Iterator[Shot]:
        """Each picture that arrives and can be read, for ever."""
        while not self._pace.stopped:
            began = time.monotonic()
            try:
                self._note(self._list())
            except OSError as error:  # a network drive that is away, say
                self._retries.failed(FrameError(f"the folder can't be read: {error.strerror}"))
                continue
            self._retries.worked()
            took = time.monotonic() - began
            for name in self._settled():
                picture = self._read(name)
                if picture is not None:
                    self._pace.wait()
                    if self._pace.stopped:
                        return
                    self._finish(name)
                    yield Shot(picture, name)
            self._pace.pause(max(_LOOK, took / _SHARE))

    def close(self) -> None:
        """End `shots`; nothing is held open."""
        self._pace.stop()

    def _list(self) -> dict[str, int]:
        """When the pictures in the folder changed last (ns), by name. Raises `OSError`."""
        with os.scandir(self._folder) as entries:
            pictures = ((entry.name, _changed_ns(entry)) for entry in entries if _is_picture(entry.name))
            return {name: changed for name, changed in pictures if changed is not None}

    def _note(self, there: dict[str, int]) -> None:
        """Note what has arrived or changed, and forget what is gone."""
        now = time.monotonic()
        self._done = {name: changed for name, changed in self._done.items() if there.get(name) == changed}
        waiting = {name: each for name, each in self._arrivals.items() if there.get(name) == each.changed_ns}
        new = {name: _Arrival(changed, now) for name, changed in there.items() if name not in self._done}
        self._arrivals = {**new, **waiting}

    def _settled(self) -> list[str]:
        """The files that stayed as they are for a while, the oldest first."""
        now = time.monotonic()
        ready = [(each.changed_ns, name) for name, each in self._arrivals.items() if now - each.since >= _SETTLED]
        return [name for _, name in sorted(ready)]

    def _read(self, name: str) -> Picture | None:
        try:
            return read_picture(self._folder / name)
        except FrameError as error:
            if time.monotonic() - self._arrivals[name].since > _GIVEN_UP:
                self.skipped += 1
                log.warning("skipped a picture", file=name, reason=str(error))
                self._finish(name)
            return None

    def _finish(self, name: str) -> None:
        """Take a file off the list, and remember that."""
        changed = self._arrivals.pop(name).changed_ns
        self._done[name] = changed
        text = as_utf8(name)
        if (changed, text) > (self._taken.changed_ns, self._taken.name):
            self._taken = msgspec.structs.replace(self._taken, changed_ns=changed, name=text)
            _remember(self._memory, self._taken)


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")


def _changed_ns(entry: "os.DirEntry[str]") -> int | None:
    """When a file changed last; None of what is no file, is gone meanwhile, or is a link to itself."""
    try:
        return entry.stat().st_ctime_ns if entry.is_file() else None
    except OSError:  # that of one entry, which must not keep the others waiting
        return None


def _recall(memory: Path, folder: str) -> _Taken:
    """What was taken of this folder by an earlier run; nothing where the file is missing, damaged or of another one."""
    try:
        taken = msgspec.json.decode(read_file(memory, _MOST_BYTES), type=_Taken)
    except (OSError, msgspec.DecodeError, ValueError):
        return _Taken(folder)
    return taken if taken.folder == folder else _Taken(folder)


def _remember(memory: Path, taken: _Taken) -> None:
    new = memory.with_suffix(".new")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(msgspec.json.encode(taken))
        new.replace(memory)
    except OSError as error:
        raise FrameError(f"{memory}, which remembers what was taken, can't be written: {error.strerror}") from error
