"""Key sets in the engine's own form, in files of a private folder that all processes of a machine map.

A key set that the machine has met costs little more than the call that maps its file, and is in memory once, in the
pages of the file. Evaluation keys are public, so the files hold nothing secret; but whoever could write to them could
change labels. So they are read only in a folder that is ours alone (`workers.keys.key_folder`).

    file = the words of each key, u64, from a whole page on; head (MessagePack); size of the head u32, b"BSKF1\\0\\0\\0"

The head comes last, since a file is written while its keys are made. A file is renamed to its name when it is whole,
and its name is a digest of all that its content depends on: so files aren't changed, and are removed while they are
mapped.
"""

import hashlib
import mmap
import os
import struct
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Annotated

import msgspec
import numpy as np

from common.errors import BlindsightError
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.logs import get_logger
from workers.evaluation.native.keys import KeyForms, KeyWords, NativeKeys

_MAGIC = b"BSKF1\0\0\0"
_FOOT = struct.Struct("<I8s")
#: Bytes of the longest head.
_MOST_HEAD_BYTES = 1 << 20
#: How names end: of files, and of those that are being written.
_SUFFIX, _PARTIAL = ".keys", ".partial"
#: Seconds after which nobody writes a file any more: its process was killed.
_PARTIAL_SECONDS = 600
#: A time in nanoseconds behind all others.
_LAST = 1 << 63

Natural = Annotated[int, msgspec.Meta(ge=0)]

log = get_logger(__name__)


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a key's words lie: the offset is in bytes, the count in words."""

    element: Natural
    level: Natural
    offset: Natural
    count: Natural


class _Head(msgspec.Struct, frozen=True):
    """What is in a file; `name` is the file's own."""

    name: str
    header: EvaluationKeysHeader
    places: list[_Place]


@dataclass(frozen=True)
class MappedKeys(NativeKeys):
    """Keys whose words lie in the file `path`, as long as its number on the file system is `inode`."""

    path: Path
    inode: int

    def use(self) -> None:
        """Note in the file that it is used now."""
        now = time.time_ns()
        with suppress(OSError):  # it was just removed
            os.utime(self.path, ns=(now, now))

    @property
    def removed(self) -> bool:
        """Whether the file isn't there any more, or its like has replaced it."""
        try:
            return self.path.stat().st_ino != self.inode
        except OSError:
            return True


class MappedKeyFiles:
    """The files in a folder, of which those used last stay, up to `budget` bytes in all; but at least one does."""

    def __init__(self, folder: Path, budget: int, forms: KeyForms) -> None:
        self._folder, self._budget, self._forms = folder, budget, forms

    def find(self, name: tuple[str, str], digest: bytes) -> MappedKeys | None:
        """The key set of this owner and fingerprint whose wire form has this SHA-256; None when there is no such file.

        A file that is damaged counts as none.
        """
        path = self._path(name, digest)
        try:
            with path.open("rb") as file:
                keys = self._map(path, file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.DecodeError, BlindsightError) as error:
            log.warning("a file of keys can't be used; it is made anew", file=str(path), reason=str(error))
            return None
        keys.use()
        return keys

    def keep(self, name: tuple[str, str], digest: bytes, data: bytes | bytearray) -> MappedKeys | None:
        """The keys of a wire form, written into a file; None where it can't be written.

        Raises `WireError` when they aren't evaluation keys.
        """
        path = self._path(name, digest)
        try:
            self._write(path, data)
            self._make_room(path)
            return self.find(name, digest)
        except OSError as error:
            _warn_once(str(self._folder), error.strerror)
            return None

    def _path(self, name: tuple[str, str], digest: bytes) -> Path:
        """Files of an earlier start of the machine aren't met again: it may have ended before all was on the disk."""
        parts = (*name, digest, self._forms.name, _boot())
        return self._folder / f"{hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()[:32]}{_SUFFIX}"

    def _map(self, path: Path, file: IO[bytes]) -> MappedKeys:
        """Raises `OSError`, `ValueError`, `msgspec.DecodeError` and `BlindsightError` for a file that isn't whole."""
        region = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if len(region) < _FOOT.size:
            raise ValueError("it is cut")
        size, magic = _FOOT.unpack(region[-_FOOT.size :])
        begin = len(region) - _FOOT.size - size
        if magic != _MAGIC or size > _MOST_HEAD_BYTES or begin < 0:
            raise ValueError("it is cut or isn't ours")
        head = msgspec.msgpack.decode(region[begin : begin + size], type=_Head)
        if head.name != path.name or any(place.offset % 64 or _end(place) > begin for place in head.places):
            raise ValueError("it is another one's")
        words = [
            KeyWords(place.element, place.level, np.frombuffer(region, "<u8", place.count, place.offset))
            for place in head.places
        ]
        keys = self._forms.hold(head.header, words)
        return MappedKeys(head.header, 0, keys, path, os.fstat(file.fileno()).st_ino)

    def _write(self, path: Path, data: bytes | bytearray) -> None:
        """Write a file. Raises `WireError`, and `OSError`."""
        header, keys = self._forms.read(data)
        places: list[_Place] = []
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=_PARTIAL, delete=False) as file:
            try:
                for key in keys:
                    file.seek(-(-file.tell() // mmap.PAGESIZE) * mmap.PAGESIZE)
                    places.append(_Place(key.element, key.level, file.tell(), key.words.size))
                    file.write(key.words.astype("<u8", copy=False).data)
                head = msgspec.msgpack.encode(_Head(path.name, header, places))
                file.write(head + _FOOT.pack(len(head), _MAGIC))
                file.flush()
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def _make_room(self, newest: Path) -> None:
        """Remove the files that were used longest ago, but not the newest one. Raises `OSError`."""
        used: list[tuple[int, int, Path]] = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another process makes room, too
                state = path.stat()
                if path.suffix == _SUFFIX:
                    used.append((_LAST if path == newest else state.st_mtime_ns, state.st_size, path))
                elif path.suffix == _PARTIAL and time.time() - state.st_mtime > _PARTIAL_SECONDS:
                    path.unlink()
        left = self._budget
        for at, size, path in sorted(used, reverse=True):
            left -= size
            if left < 0 and at != _LAST:
                path.unlink(missing_ok=True)


def _end(place: _Place) -> int:
    return place.offset + 8 * place.count


@cache
def _boot() -> str:
    """Which start of the machine this is, where the system tells."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


@cache
def _warn_once(folder: str, reason: str) -> None:
    log.warning(
        "keys can't be kept in a file, so each process holds its own; give another --key-folder, or more room",
        folder=folder,
        reason=reason,
    )
