"""Whether a service gets on, rather than whether its process lives: for the health file, and for `/health`.

A check gives None, or a sentence that says what is wrong. A check that raises an error is a problem too.
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Check = Callable[[], str | None]

#: Seconds after which a loop is stuck whose turns take half a second, or as long as one message.
LOOP_SECONDS = 30.0
#: Seconds between two looks at health for its file.
_INTERVAL = 5.0


class Pulse:
    """The turns of a loop, and the check that the last one isn't older than `limit` seconds."""

    def __init__(self, limit: float = LOOP_SECONDS) -> None:
        self._limit = limit
        self.beat()

    def beat(self) -> None:
        """The loop has turned."""
        self._at = time.monotonic()

    def __call__(self) -> str | None:
        age = time.monotonic() - self._at
        return f"the loop hasn't turned for {age:.0f} s" if age > self._limit else None


class Progress:
    """The check that work moves: that `moved()` doesn't give the same for `limit` seconds while `waiting()` is true.

    Both are called only when health is asked for, so the seconds count from such a call on.
    """

    def __init__(self, what: str, waiting: Callable[[], bool], moved: Callable[[], object], limit: float) -> None:
        self._what, self._waiting, self._moved, self._limit = what, waiting, moved, limit
        self._seen: object = None
        self._since: float | None = None

    def __call__(self) -> str | None:
        seen, now = self._moved(), time.monotonic()
        if not self._waiting():
            self._since = None
        elif self._since is None or seen != self._seen:
            self._since = now
        elif now - self._since > self._limit:
            return f"{self._what} for {now - self._since:.0f} s"
        self._seen = seen
        return None


def connected(is_up: Callable[[], bool]) -> Check:
    """A check that the connection to the MQTT broker is up."""
    return lambda: None if is_up() else "the MQTT broker isn't connected"


def answers(what: str, ask: Callable[[], object]) -> Check:
    """A check that something answers, such as Redis a ping."""

    def check() -> str | None:
        try:
            ask()
        except Exception as error:  # whatever it raises, it doesn't answer
            return f"{what} doesn't answer: {type(error).__name__}"
        return None

    return check


class Health:
    """All checks of a service, asked from several threads."""

    def __init__(self, *checks: Check) -> None:
        self._checks: Sequence[Check] = checks
        self._lock = threading.Lock()

    def problems(self) -> list[str]:
        """What is wrong now; nothing when all is well."""
        with self._lock:
            return [problem for check in self._checks if (problem := _run(check)) is not None]


def _run(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # its text might hold anything
        return f"a check failed: {type(error).__name__}"


class Heartbeat:
    """Touches `path` every few seconds for as long as all is well; does nothing without a path."""

    def __init__(self, path: Path | None, health: Health) -> None:
        self._path, self._health = path, health
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._path is not None:
            self._thread.join()
            self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        while self._path is not None:
            if not self._health.problems():
                self._path.touch()
            if self._stop.wait(_INTERVAL):
                return
