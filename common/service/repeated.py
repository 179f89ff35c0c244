"""Lines of the log about what others send: few, however much comes."""

import threading
import time
from collections.abc import Callable
from typing import Any

#: Seconds between two lines about the same event of the same device and kind.
_INTERVAL = 5.0
#: Lines that are told apart by event, device and kind, at most; beyond these, each event has one line for all devices.
_MOST = 1000

_Key = tuple[str, str, str]


class _Line:
    """A line of the log, and how many events like it came since."""

    def __init__(self, write: Callable[..., Any], said_at: float) -> None:
        self.write, self.said_at = write, said_at
        self.number = 0
        self.details: dict[str, object] = {}


class RepeatedLines:
    """Logs the first event of each device and kind at once; of later ones, every few seconds their number and the last.

    `tick` has to be called now and again: without it, the end of a flood is logged with the next line. Any thread may
    call `say` and `tick`.
    """

    def __init__(self) -> None:
        self._lines: dict[_Key, _Line] = {}
        self._due = 0.0
        self._lock = threading.Lock()

    def say(self, write: Callable[..., Any], event: str, device: str, kind: str = "", /, **details: object) -> None:
        """Log an event by `write`, such as `log.warning`, for a `device`, or for "" where none is known.

        `kind` tells events of the same name and device apart.
        """
        self.tick()
        with self._lock:
            key = event, device, kind
            if key not in self._lines and len(self._lines) >= _MOST:
                key = event, "of many", ""
            line = self._lines.get(key)
            if line is not None:
                line.number += 1
                line.details = {name: value for name, value in details.items() if name != "exc_info"}
                return
            self._lines[key] = _Line(write, time.monotonic())
        _write(write, key, details)

    def tick(self) -> None:
        """Log how many more events came like those that were logged some seconds ago."""
        now = time.monotonic()
        if now < self._due:
            return
        due = []
        with self._lock:
            self._due = now + _INTERVAL / 5
            for key, line in list(self._lines.items()):
                if now - line.said_at < _INTERVAL:
                    continue
                if line.number:
                    due.append((line.write, key, {"more_like_this": line.number, **line.details}))
                    line.number, line.said_at, line.details = 0, now, {}
                else:
                    del self._lines[key]
        for write, key, details in due:
            _write(write, key, details)


def _write(write: Callable[..., Any], key: _Key, details: dict[str, object]) -> None:
    event, device, _ = key
    if device:
        details = {"device": device, **details}
    write(event, **details)
