"""Somebody who looks on while a device works, and writes down what they see."""

from collections.abc import Sequence

from common.wire.messages import EncryptedScores, ErrorReply, Receipt
from edge.labels.results import Result
from edge.outbox.entries import Pending


class Onlooker:
    """A watcher (`edge.watcher`)."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def sent(self, burst: Pending) -> None:
        """Write it down."""
        self.seen.append(("sent", burst.job, burst.ciphertext))

    def refused(self, reply: ErrorReply) -> None:
        """Write it down."""
        self.seen.append(("refused", reply.job, reply.reason))

    def answered(self, reply: EncryptedScores | Receipt, results: Sequence[Result]) -> None:
        """Write it down."""
        self.seen.append(("answered", reply.job, [result.label for result in results]))

    def alarm(self, reply: EncryptedScores, counter: int, expected: str, got: str) -> None:
        """Write it down."""
        self.seen.append(("alarm", counter, expected, got))
