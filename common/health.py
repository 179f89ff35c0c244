"""A file that is touched while a service is well, for container health checks."""

import threading
from collections.abc import Callable
from pathlib import Path

_INTERVAL = 5.0


class Heartbeat:
    """Touches `path` every few seconds for as long as `check` is true; does nothing without a path."""

    def __init__(self, path: Path | None, check: Callable[[], bool]) -> None:
        self._path, self._check = path, check
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
            if self._is_well():
                self._path.touch()
            if self._stop.wait(_INTERVAL):
                return

    def _is_well(self) -> bool:
        try:
            return self._check()
        except Exception:  # whatever a check raises, the service isn't well
            return False
