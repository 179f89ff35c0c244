"""Kombu's record of unacknowledged tasks, with a flaw mended.

An acknowledgement that Redis didn't get is logged and forgotten, but the task keeps its place among
those in work, for ever: a worker that lost a connection at the wrong time would take no task again.
"""

from typing import Any

from kombu.transport import redis
from kombu.transport.virtual import base

_Kombu: Any = redis.QoS  # Kombu has no types
_forget: Any = base.QoS.ack


class Unacknowledged(_Kombu):
    """Frees a task's place whether or not Redis hears of it; if not, the task comes again, as after a kill."""

    def ack(self, delivery_tag: str) -> None:
        """The task is done. Raises what Redis's client raises."""
        try:
            super().ack(delivery_tag)
        except Exception:
            _forget(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """The task is not done, and to be done again or not. Raises what Redis's client raises."""
        try:
            super().reject(delivery_tag, requeue)
        except Exception:
            _forget(self, delivery_tag)
            raise


def mend_kombu() -> None:
    """Let Kombu use it."""
    redis.Channel.QoS = Unacknowledged
