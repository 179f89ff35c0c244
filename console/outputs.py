"""Where labels are shown: JSON lines for programs, log lines where nobody watches a terminal."""

import sys
from typing import Protocol

import msgspec

from common.errors import BlindsightError
from common.logs import get_logger
from common.readings.reading import Reading, shown_fields
from common.wire.messages import EncryptedScores, ErrorReply, Receipt
from common.wire.status import Status
from console.record.record import Check, FrameLabel

log = get_logger(__name__)


class Output(Protocol):
    """Something that shows what the console has recorded. Its methods are called in the console's thread."""

    def label(self, label: FrameLabel) -> None:
        """A frame has got its label."""

    def reading(self, reading: Reading) -> None:
        """A picture of a device has given a reading."""

    def burst(self, device: str, reply: EncryptedScores, receipt: Receipt) -> None:
        """A burst was recorded, whose labels come next."""

    def refused(self, device: str, reply: ErrorReply) -> None:
        """A device's burst has no label yet, or won't have one. It may be under another key set than the site's."""

    def alarm(self, check: Check) -> None:
        """A known answer came back wrong."""

    def status(self, device: str, status: Status) -> None:
        """A device of the site is online or offline, with its counters."""

    def close(self) -> None:
        """Close the output: the console ends."""


class QuietOutput:
    """An output that ignores everything, to build others on."""

    def label(self, label: FrameLabel) -> None:
        """Ignored."""

    def reading(self, reading: Reading) -> None:
        """Ignored."""

    def burst(self, device: str, reply: EncryptedScores, receipt: Receipt) -> None:
        """Ignored."""

    def refused(self, device: str, reply: ErrorReply) -> None:
        """Ignored: the device logs it."""

    def alarm(self, check: Check) -> None:
        """Ignored: the console logs it."""

    def status(self, device: str, status: Status) -> None:
        """Ignored."""

    def close(self) -> None:
        """Nothing to do."""


class JsonLines(QuietOutput):
    """One JSON object for each label, reading and alarm, on standard output; its `kind` says which it is."""

    def label(self, label: FrameLabel) -> None:
        """Print a label. Raises `BlindsightError` when nobody reads any more."""
        self._print(label)

    def reading(self, reading: Reading) -> None:
        """Print a reading. Raises `BlindsightError` like `label`."""
        self._print(reading)

    def alarm(self, check: Check) -> None:
        """Print a known answer that came back wrong. Raises `BlindsightError` like `label`."""
        self._print(check)

    def _print(self, event: FrameLabel | Reading | Check) -> None:
        try:
            sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
            sys.stdout.buffer.flush()
        except OSError as error:
            raise BlindsightError(f"standard output can't be written: {error.strerror}") from error


class LogLines(QuietOutput):
    """One line of the log for each label and reading, and whenever a device comes or goes."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}

    def label(self, label: FrameLabel) -> None:
        """Log a label."""
        optional = {"group": label.group or None, "lead": label.lead, "captured_at": label.captured_at}
        present = {name: value for name, value in optional.items() if value is not None}
        log.info("label", device=label.device, job=label.job, counter=label.counter, label=label.label, **present)

    def reading(self, reading: Reading) -> None:
        """Log a reading."""
        log.info("reading", **shown_fields(reading))

    def status(self, device: str, status: Status) -> None:
        """Log that a device came or went."""
        if self._states.get(device) == status.state:
            return
        self._states[device] = status.state
        log.info(status.state, device=device, pending=status.pending, parked=status.parked)
