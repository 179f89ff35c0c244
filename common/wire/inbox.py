"""Messages that have come and weren't handled yet: bounded in bytes, and no device's hold up those of others.

A topic says whose a message is and of which kind; the broker's access rules hold a device to its own. So each
device's messages of a kind wait in a lane, and the lanes take turns, one message each.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from common.wire.incoming import Received

#: Bytes of all messages that wait; then whoever reads the network waits. The last message and paho's own are beyond it.
_MOST_BYTES = 64_000_000
#: Bytes that a message takes besides its payload, about.
_OVERHEAD = 1000
#: Messages of a lane. A device has 8 bursts under way, or 5 messages of a key upload, and sends them once more when it
#: waited too long for their answers.
LANE_MESSAGES = 16
#: Bytes of a lane with more than two messages: a device has 32 MB of ciphertexts under way, or two bursts of any size.
LANE_BYTES = 34_000_000
_ANY_SIZE = 2
#: Seconds for which a lane that overflowed takes nothing. To handle junk as fast as it comes would leave too little of
#: Python's time to the thread that reads it, and what comes after it.
_SHUT = 0.2
#: Characters of a lane's name: a device's has 64 at most, and a topic may have 65,535.
_SHOWN = 80


class Inbox:
    """Takes messages, and hands them out in turns. Whoever reads the network waits for `has_room`.

    TCP then holds the broker back. Its receive maximum is no bound: Mosquitto 2.0.11 sends more when many messages
    come at once, and it isn't meant for QoS 0. `may_drop` says which messages are dropped that find their lane full;
    others wait there all the same.
    """

    def __init__(self, may_drop: Callable[[Received], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._may_drop, self._clock = may_drop, clock
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()  # in the order of their turns; none is empty
        self._bytes = 0
        self._changed = threading.Condition()
        self._shut: dict[str, float] = {}  # lanes that overflowed lately: until when they take nothing

    def put(self, message: Received) -> bool:
        """Let a message wait; False if it was dropped instead, as its device has too many here. It never blocks."""
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

    def get(self, timeout: float) -> Received | None:
        """The oldest message of the lane whose turn it is; None when there is none for so many seconds."""
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
        """Whether more may be read now, or in so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._bytes < _MOST_BYTES, timeout)

    def clear(self) -> int:
        """Forget all messages, and say how many."""
        with self._changed:
            number = sum(len(lane.messages) for lane in self._lanes.values())
            self._lanes.clear()
            self._bytes = 0
            self._changed.notify_all()
            return number

    def _is_shut(self, name: str, lane: "_Lane | None", message: Received) -> bool:
        now = self._clock()
        if self._shut.get(name, now) > now:
            return True
        if lane is None or not lane.is_full(message):
            return False
        self._shut = {each: until for each, until in self._shut.items() if until > now} | {name: now + _SHUT}
        return True


class _Lane:
    """The messages of a device, of one kind."""

    def __init__(self) -> None:
        self.messages: deque[Received] = deque()
        self.bytes = 0

    def is_full(self, message: Received) -> bool:
        if len(self.messages) < _ANY_SIZE:
            return False
        return len(self.messages) >= LANE_MESSAGES or self.bytes + _size(message) > LANE_BYTES


def _lane_of(topic: str) -> str:
    """Whose a topic is and what for, as far as it says so: `topics.parse_any` without a check, since this is quick."""
    return "/".join(topic.split("/", 4)[2:4])[:_SHOWN]


def _size(message: Received) -> int:
    return len(message.payload) + len(message.topic) + _OVERHEAD
