"""What a way to a target does: the part that differs between a topic, a program, a webhook and Home Assistant."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from common.publishing.outgoing import Target


class Way(ABC):
    """A way for events to get to a target. A forwarder calls it from one thread, but for `cancel` and `close`."""

    #: The name of its target in the outgoing table, in logs and in metrics.
    target: Target
    #: Events that are sent at once, at most.
    batch: int = 1
    #: Seconds between two attempts that fail, at most.
    longest_pause: float = 300.0

    @abstractmethod
    def send(self, bodies: Sequence[bytes]) -> None:
        """Send events, each as JSON; when this returns, they arrived. Raises `BlindsightError` when one may not have.

        No event is empty, and there is at least one.
        """

    def keep_up(self) -> None:
        """Keep up what the way needs, such as a connection. It is called every few seconds, and before `send`.

        Raises `BlindsightError` while nothing can be sent.
        """
        return

    def cancel(self) -> None:
        """End what `send` does in another thread."""
        return

    def close(self) -> None:
        """Give up what `keep_up` kept up, once nothing is sent any more."""
        return
