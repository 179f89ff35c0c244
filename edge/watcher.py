"""Who looks on while a device works: a page, say. The device neither waits for a watcher nor depends on one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.service.health import Check
from common.wire.messages import EncryptedScores, ErrorReply, Receipt
from edge.labels.results import Result
from edge.outbox.entries import Pending


class Watcher(Protocol):
    """Its methods are called in the device's thread; they must neither block nor raise."""

    def sent(self, burst: Pending) -> None:
        """A burst is sent, or sent again."""

    def refused(self, reply: ErrorReply) -> None:
        """There is no label of a burst yet, or won't be one."""

    def answered(self, reply: EncryptedScores | Receipt, results: Sequence[Result]) -> None:
        """A burst has got its labels or its receipt, for the first time; known answers are among its results."""

    def alarm(self, reply: EncryptedScores, counter: int, expected: str, got: str) -> None:
        """A known answer came back wrong."""


class Nobody:
    """A watcher that ignores everything."""

    def sent(self, burst: Pending) -> None:
        """Ignored."""

    def refused(self, reply: ErrorReply) -> None:
        """Ignored."""

    def answered(self, reply: EncryptedScores | Receipt, results: Sequence[Result]) -> None:
        """Ignored."""

    def alarm(self, reply: EncryptedScores, counter: int, expected: str, got: str) -> None:
        """Ignored: the device logs it."""


#: The watcher of a device that nobody looks at.
NOBODY = Nobody()


@dataclass(frozen=True)
class Onlookers:
    """Who looks on while a device works, and their checks, which are part of its health."""

    watcher: Watcher = NOBODY
    checks: Sequence[Check] = ()


NO_ONLOOKERS = Onlookers()
