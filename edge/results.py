"""Labels as JSON lines."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from common.errors import ConfigurationError, OutboxError
from common.messages import Label, Receipt
from edge.entries import Pending


class Result(msgspec.Struct, frozen=True):
    """A frame's label and how it came about. Times in ms; scores are never written.

    `label` is None under the custody of a site: its console knows it, this device can't.

    Frames of one burst share a job, and the times of its stages. `uplink_bytes` and
    `downlink_bytes` are the frame's share of the burst's.
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


def results_of(
    device: str,
    pending: Pending,
    passed: Label | Receipt,
    stages: Mapping[str, float],
    now: float,
    *,
    labels: Sequence[str | None],
    downlink_bytes: int,
) -> list[Result]:
    """A result for each frame of a burst; `passed` and `stages` (in s) say when it passed which station."""
    sent = pending.first_sent_at if pending.first_sent_at is not None else passed.received_at
    stages_ms = {
        "encrypt": pending.encrypt_ms,
        "uplink": (passed.received_at - sent) * 1000,
        "queue": (passed.started_at - passed.received_at) * 1000,
        "evaluate": (passed.finished_at - passed.started_at) * 1000,
        **{name: seconds * 1000 for name, seconds in stages.items()},
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


class ResultFile:
    """Appends to a file, whose whole lines tell which results were written."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _repair(path)
            self._file = path.open("ab")
        except OSError as error:
            raise ConfigurationError(f"results is {path}, which can't be written: {error.strerror}") from error

    def write(self, result: Result) -> None:
        """Append a result and hand it to the operating system."""
        self._file.write(msgspec.json.encode(result) + b"\n")
        self._file.flush()

    def written(self) -> Iterator[Result]:
        """All that was written, also by earlier runs."""
        return read_results(Path(self._file.name))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_results(path: Path) -> Iterator[Result]:
    """The whole lines of a results file."""
    if path.exists():
        with path.open("rb") as lines:  # a device that runs for years has long files
            for line in lines:
                if line.endswith(b"\n"):
                    with suppress(
                        ValueError, RecursionError
                    ):  # someone else's line; msgspec's errors are of ValueError
                        yield msgspec.json.decode(line, type=Result)


def decode_result(data: bytes) -> Result:
    """A result as the outbox keeps it. Raises `OutboxError`."""
    try:
        return msgspec.msgpack.decode(data, type=Result)
    except (ValueError, RecursionError) as error:
        raise OutboxError(f"an answer in the outbox can't be read: {error}") from error


def _repair(path: Path) -> None:
    """Cut off a line that a crash left unfinished."""
    if path.exists():
        with path.open("rb+") as lines:
            lines.truncate(sum(len(line) for line in lines if line.endswith(b"\n")))
