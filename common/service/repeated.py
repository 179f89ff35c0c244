"""Lines of the log about what others send: their number is bounded, however much comes."""

import threading
import time
from collections.abc import Callable
from typing import Any

#: Seconds between two lines about the same from the same sender.
_INTERVAL = 5.0
#: Senders and kinds of which lines are kept apart; those beyond share one.
_MOST = 1000

_Key = tuple[str, str, str]


class _Repeated:
    """A line that was said, and what came like it since."""

    def __init__(self, write: Callable[..., Any], said_at: float) -> None:
        self.write, self.said_at = write, said_at
        self.number = 0
        self.details: dict[str, object] = {}


class RepeatedLines:
    """Says the first of each sender and kind at once; of those after it, every few seconds the last and their number.

    Where nobody calls `tick` now and again, the end of a flood is told with the next line. Any thread may call both.
    """

    def __init__(self) -> None:
        self._said: dict[_Key, _Repeated] = {}
        self._due = 0.0
        self._lock = threading.Lock()

    def say(self, write: Callable[..., Any], event: str, device: str, kind: str = "", /, **details: object) -> None:
        """Log it by `write`, such as `log.warning`, for a `device`, or "" where none is known.

        `kind` tells apart what else has the same event and device.
        """
        self.tick()
        with self._lock:
            key = event, device, kind
            if key not in self._said and len(self._said) >= _MOST:
                key = event, "of many", ""
            repeated = self._said.get(key)
            if repeated is not None:
                repeated.number += 1
                repeated.details = {name: value for name, value in details.items() if name != "exc_info"}
                return
            self._said[key] = _Repeated(write, time.monotonic())
        _write(write, key, details)

    def tick(self) -> None:
        """Say how many more there were of what was said some seconds ago."""
        now = time.monotonic()
        if now < self._due:
            return
        lines = []
        with self._lock:
            self._due = now + _INTERVAL / 5
            for key, repeated in list(self._said.items()):
                if now - repeated.said_at < _INTERVAL:
                    continue
                if repeated.number:
                    lines.append((repeated.write, key, {"more_like_this": repeated.number, **repeated.details}))
                    repeated.number, repeated.said_at, repeated.details = 0, now, {}
                else:
                    del self._said[key]
        for write, key, details in lines:
            _write(write, key, details)


def _write(write: Callable[..., Any], key: _Key, details: dict[str, object]) -> None:
    event, device, _ = key
    if device:
        details = {"device": device, **details}
    write(event, **details)
