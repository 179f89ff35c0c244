"""What has arrived and waits for the console's thread, bounded in bytes.

The broker may send more than the receive maximum at once: Mosquitto 2.0 does, and it counts QoS 1 only. So
paho's thread waits here when there is enough, and then the broker has to.
"""

import threading
from collections import deque

from common.mqtt import Received

#: Bytes that wait, at most, unless one message alone is larger; a label has a hundred thousand or a few millions.
_BYTES = 64_000_000
#: Bytes that a message takes besides its payload, about.
_OVERHEAD = 1000


class Inbox:
    """Messages in the order of their arrival; `close` ends all waiting."""

    def __init__(self) -> None:
        self._messages: deque[Received] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, message: Received) -> None:
        """In paho's thread: add a message, as soon as there is room. Without QoS it is dropped: ours all have it."""
        if message.qos == 0:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._messages or self._bytes < _BYTES)
            self._messages.append(message)
            self._bytes += _size(message)
            self._changed.notify_all()

    def get(self, timeout: float) -> Received | None:
        """The next message, or None when there is none for so many seconds, or the inbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._messages, timeout)
            if self._closed or not self._messages:
                return None
            message = self._messages.popleft()
            self._bytes -= _size(message)
            self._changed.notify_all()
            return message

    def close(self) -> None:
        """Nobody takes messages any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _size(message: Received) -> int:
    return len(message.payload) + len(message.topic) + _OVERHEAD
