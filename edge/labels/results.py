"""Labels as JSON lines, in a file or for a function."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from common.errors import CallbackError, ConfigurationError, OutboxError
from common.structs import learn
from common.wire.messages import EncryptedScores, Receipt, fleet_stages
from common.writable import try_file
from edge.outbox.entries import Pending

#: The errors that may pass, since they are the disk's and not the setting's.
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENFILE, errno.EMFILE)
#: Bytes at the end of the file that others may have added, so that our last lines are still found before them.
_OTHERS = 65_536
_IRREGULAR = "it is no regular file"


class Result(msgspec.Struct, frozen=True):
    """A frame's label, and how it came about. Scores are never written.

    `label` is None under the custody of a site: its console knows it, this device can't.

    Frames of one burst share a job, and the durations of its stages (ms). `uplink_bytes` and
    `downlink_bytes` are the frame's share of the burst's bytes. `captured_at` is in seconds since the epoch.
    """

    device: str
    job: str
    counter: int
    source: str
    label: str | None
    captured_at: float
    latency_ms: float
    stages_ms: dict[str, float]
    uplink_bytes: int
    downlink_bytes: int
    attempts: int


learn(Result)


def results_of(
    device: str,
    pending: Pending,
    reply: EncryptedScores | Receipt,
    stages: Mapping[str, float],
    now: float,
    *,
    labels: Sequence[str | None],
    downlink_bytes: int,
) -> list[Result]:
    """A result for each frame of a burst. `reply` tells when it passed the fleet's stations, and `stages` gives
    the durations (s) of the stages after these; `now` is in seconds since the epoch.
    """
    sent = pending.first_sent_at if pending.first_sent_at is not None else reply.received_at
    stages_ms = {
        "encrypt": pending.encrypt_ms,
        "uplink": (reply.received_at - sent) * 1000,
        **{name: seconds * 1000 for name, seconds in {**fleet_stages(reply), **stages}.items()},
    }
    frames = len(pending.frames)
    return [
        Result(
            device=device,
            job=pending.job,
            counter=counter,
            source=frame.source,
            label=label,
            captured_at=frame.captured_at,
            latency_ms=(now - frame.captured_at) * 1000,
            stages_ms=stages_ms,
            uplink_bytes=round(len(pending.ciphertext) / frames),
            downlink_bytes=round(downlink_bytes / frames),
            attempts=pending.attempts,
        )
        for counter, (frame, label) in enumerate(zip(pending.frames, labels, strict=True), start=pending.counter)
    ]


class Sink(Protocol):
    """Takes results as JSON lines, in order of capture, at most `batch` at once; these are marked together."""

    batch: int

    def append(self, lines: Sequence[bytes]) -> None:
        """Take these lines, of which the first may have been taken before. An `OSError` may pass: they come again."""

    def present(self, lines: Sequence[bytes]) -> set[bytes]:
        """Those lines that are known to have been taken. Raises `OSError`."""

    def close(self) -> None:
        """No more lines come."""


class ResultFunction:
    """Calls a function with each result. One that raises doesn't count as called, so that no label is lost by it."""

    batch = 1

    def __init__(self, function: Callable[[Result], object]) -> None:
        self._function = function

    def append(self, lines: Sequence[bytes]) -> None:
        """Call it. Raises `CallbackError` when it raises."""
        for line in lines:
            try:
                self._function(msgspec.json.decode(line, type=Result))
            except Exception as error:
                raise CallbackError(
                    f"on_label raised {type(error).__name__}; the device stops, and gives this label again at its next "
                    "start"
                ) from error

    def present(self, lines: Sequence[bytes]) -> set[bytes]:
        """None: a function doesn't tell."""
        return set()

    def close(self) -> None:
        """Nothing to do."""


class ResultFile:
    """Appends whole lines to a file, each once, and deletes nothing but what a crash left of a line of its own.

    The file may be renamed, emptied or deleted at any time: the next line goes to the one that then
    has its path. A full or read-only disk is an `OSError` of `append`, also where it is so from the start.
    """

    batch = 256

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        try:
            self._open()
        except OSError as error:
            if error.errno not in _PASSING:
                raise ConfigurationError(f"results is {path}, which can't be written: {error.strerror}") from error

    def __str__(self) -> str:
        return str(self.path)

    def append(self, lines: Sequence[bytes]) -> None:
        """Append those lines that aren't at the file's end yet; when this returns, they are on disk. Raises `OSError`.

        After an `OSError`, or a crash, the same lines have to be appended first.
        """
        file = self._current()
        last, rest, size = self._end(file, lines)
        data = b"".join(line + b"\n" for line in lines if line not in last)
        if rest and any(line.startswith(rest) for line in lines):
            size -= len(rest)
            os.ftruncate(file, size)
        elif rest:  # somebody else's: it stays, as a line
            data = b"\n" + data
        try:
            while data:
                data = data[os.write(file, data) :]
        except OSError:
            with contextlib.suppress(OSError):  # else the next time
                os.ftruncate(file, size)
            raise
        os.fsync(file)

    def present(self, lines: Sequence[bytes]) -> set[bytes]:
        """The lines that are at the file's end. Raises `OSError`."""
        return self._end(self._current(), lines)[0] & set(lines)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _end(self, file: int, lines: Sequence[bytes]) -> tuple[set[bytes], bytes, int]:
        """The last lines of the file, among which all of `lines` are that it has; what follows them; and its size."""
        size = os.fstat(file).st_size
        length = sum(len(line) + 1 for line in lines) + _OTHERS
        whole, _, rest = os.pread(file, length, max(size - length, 0)).rpartition(b"\n")
        return set(whole.split(b"\n")), rest, size

    def _current(self) -> int:
        """The open file, if its path is still that file's; else the one that is there now, or a new one."""
        if self._file is not None:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(self.path.stat(), os.fstat(self._file)):
                    return self._file
            self.close()
        return self._open()

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise OSError(errno.EINVAL, _IRREGULAR)
        self._file = file
        return file


def check_results(path: Path) -> None:
    """Raise `ConfigurationError` for a file that `ResultFile` would refuse; makes nothing."""
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, _IRREGULAR)
        try_file(path, makes_folders=True)
    except OSError as error:
        if error.errno not in _PASSING:
            raise ConfigurationError(f"results is {path}, which can't be written: {error.strerror}") from error


def decode_result(data: bytes) -> Result:
    """A result from the bytes that the outbox keeps. Raises `OutboxError`."""
    try:
        return msgspec.msgpack.decode(data, type=Result)
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:  # it may be no BLOB
        raise OutboxError(f"an answer in the outbox can't be read: {error}") from error


def read_results(path: Path) -> Iterator[Result]:
    """The results in a file; lines that aren't whole, or not ours, are left out."""
    if path.exists():
        with path.open("rb") as lines:  # a device that runs for years has long files
            for line in lines:
                if line.endswith(b"\n"):
                    # Someone else's line; msgspec's errors are a kind of ValueError.
                    with contextlib.suppress(ValueError, RecursionError):
                        yield msgspec.json.decode(line, type=Result)
