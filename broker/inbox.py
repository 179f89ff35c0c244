"""Messages that came by the present connection and weren't handled yet, bounded in bytes by back-pressure."""

import threading
from collections import deque

from common.mqtt import Received


class Inbox:
    """Takes every message. Whoever reads the network waits for `has_room`, so that TCP holds the broker back.

    The broker's receive maximum is no bound: Mosquitto 2.0.11 sends more when many messages come at once.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._messages: deque[Received] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def put(self, message: Received) -> None:
        """Let a message wait. It never blocks."""
        with self._changed:
            self._messages.append(message)
            self._bytes += len(message.payload)
            self._changed.notify_all()

    def get(self, timeout: float) -> Received | None:
        """The oldest message; None when there is none for so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages, timeout)
            if not self._messages:
                return None
            message = self._messages.popleft()
            self._bytes -= len(message.payload)
            self._changed.notify_all()
            return message

    def has_room(self, timeout: float) -> bool:
        """Whether more may be read now, or in so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._bytes < self._most, timeout)

    def clear(self) -> int:
        """Forget all messages, and say how many."""
        with self._changed:
            number = len(self._messages)
            self._messages.clear()
            self._bytes = 0
            self._changed.notify_all()
            return number
