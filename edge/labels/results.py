"""Labels as JSON lines, in a file or for a function."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from common.errors import CallbackError, OutboxError
from common.label_groups import NO_GROUPS, LabelGroups
from common.service.line_file import LineFile
from common.structs import learn
from common.wire.messages import EncryptedScores, Receipt, fleet_stages
from edge.outbox.entries import Pending


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """A frame's label, and how it came about. Scores are never written.

    `label` is None under the custody of a site: its console knows it, this device can't. `group` is the name of the
    label's group, and empty where it is in none.

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
    group: str = ""


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
    groups: LabelGroups = NO_GROUPS,
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
            group="" if label is None else groups.of(label),
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


class ResultFile(LineFile):
    """The file of results. Raises `ConfigurationError` where it can't be written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "results")


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
