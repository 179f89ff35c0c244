"""Messages that wait to be handled: bounded in bytes, and fair, so that no device holds up the messages of others.

A topic tells the device and the kind of a message; the broker's access rules hold a device to its own topics. So the
messages of one device and kind wait in a lane of their own, and the lanes take turns, one message each.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from common.wire.incoming import IncomingMessage

#: Bytes of waiting messages from which on the network isn't read any more. The last message may exceed them, and what
#: paho holds comes on top.
_MOST_BYTES = 64_000_000
#: Bytes that a message takes besides its payload and topic, about.
_OVERHEAD = 1000
#: Messages in a lane, at most. A device has 8 bursts under way, or 5 messages of a key upload, and sends them once more
#: when their answers are late.
LANE_MESSAGES = 16
#: Bytes in a lane, at most. A device has 32 MB of ciphertexts under way, or two bursts of any size.
LANE_BYTES = 34_000_000
#: Messages in a lane that `LANE_BYTES` doesn't apply to.
_ANY_SIZE = 2
#: Seconds for which a lane takes nothing after it overflowed. Were junk handled as fast as it comes, too little of
#: Python's time would be left for the thread that reads the network.
_SHUT_SECONDS = 0.2
#: Characters of a lane's name, at most. A device's name has up to 64, and a topic may have 65,535.
_NAME_CHARACTERS = 80


class Inbox:
    """Takes messages, and hands them out in turns. The thread that reads the network waits for `has_room`.

    Meanwhile TCP holds the broker back. MQTT's receive maximum is no such bound: Mosquitto 2.0.11 exceeds it when many
    messages come at once, and it doesn't apply to QoS 0. A message whose lane is full is dropped if `may_drop` allows
    it, and waits there otherwise.
    """

    def __init__(
        self, may_drop: Callable[[IncomingMessage], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._may_drop, self._clock = may_drop, clock
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()  # in the order of their turns; none is empty
        self._bytes = 0
        self._changed = threading.Condition()
        self._shut: dict[str, float] = {}  # lanes that overflowed lately: until when they take nothing

    def put(self, message: IncomingMessage) -> bool:
        """Let a message wait; False if it was dropped instead, since its lane is full. It never blocks."""
        name = _lane_of(message.topic)
        with self._changed:
            lane = self._lanes.get(name)
            if self._may_drop(message) and self._is_shut(name, lane, message):
                return False
            if lane is None:
                lane = self._lanes[name] = _Lane()
            lane.messages.append(message)
            lane.bytes += _size(message)
            self._bytes += _size(message)
            self._changed.notify_all()
            return True

    def get(self, timeout: float) -> IncomingMessage | None:
        """The oldest message of the lane whose turn it is; None when none came within `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._lanes, timeout)
            if not self._lanes:
                return None
            name, lane = self._lanes.popitem(last=False)
            message = lane.messages.popleft()
            lane.bytes -= _size(message)
            self._bytes -= _size(message)
            if lane.messages:
                self._lanes[name] = lane
            self._changed.notify_all()
            return message

    def has_room(self, timeout: float) -> bool:
        """Whether more may be read now, or within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._bytes < _MOST_BYTES, timeout)

    def clear(self) -> int:
        """Forget all messages, and return their number."""
        with self._changed:
            number = sum(len(lane.messages) for lane in self._lanes.values())
            self._lanes.clear()
            self._bytes = 0
            self._changed.notify_all()
            return number

    def _is_shut(self, name: str, lane: "_Lane | None", message: IncomingMessage) -> bool:
        now = self._clock()
        if self._shut.get(name, now) > now:
            return True
        if lane is None or not lane.is_full(message):
            return False
        self._shut = {each: until for each, until in self._shut.items() if until > now} | {name: now + _SHUT_SECONDS}
        return True


class _Lane:
    """The messages of one device and kind."""

    def __init__(self) -> None:
        self.messages: deque[IncomingMessage] = deque()
        self.bytes = 0

    def is_full(self, message: IncomingMessage) -> bool:
        if len(self.messages) < _ANY_SIZE:
            return False
        return len(self.messages) >= LANE_MESSAGES or self.bytes + _size(message) > LANE_BYTES


def _lane_of(topic: str) -> str:
    """The device and kind in a topic: like `topics.parse_any`, but without checks, since paho's thread runs this."""
    return "/".join(topic.split("/", 4)[2:4])[:_NAME_CHARACTERS]


def _size(message: IncomingMessage) -> int:
    return len(message.payload) + len(message.topic) + _OVERHEAD
