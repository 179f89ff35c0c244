"""Whether a worker's processes get on, seen by their parent in memory that the fork shares."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import RawArray

_BEAT_SECONDS = 2.0
_SILENT_SECONDS = 20.0
#: Beyond the time limit, by which the parent ends a process.
_GRACE_SECONDS = 15.0


class PoolHealth:
    """For each process of the pool: when it last beat, and since when it has a task; and when any took one.

    A thread of its own beats in each process once its processor is ready: that shows a process that was stopped. One
    that hangs in its task beats on, and shows by the time limit.
    """

    def __init__(self, processes: int, time_limit: float, silent: float = _SILENT_SECONDS) -> None:
        # CLOCK_MONOTONIC is the same one in all processes.
        self._beats, self._busy = RawArray("d", processes), RawArray("d", processes)
        self._taken = RawArray("d", 1)
        self._time_limit, self._silent = time_limit, silent

    def ready(self, index: int) -> None:
        """Called in process `index` once it can take tasks."""
        self._busy[index] = 0.0
        threading.Thread(target=self._beat, args=(index,), name="beat", daemon=True).start()

    @contextmanager
    def task(self, index: int) -> Iterator[None]:
        """While entered, process `index` has a task."""
        self._busy[index] = self._taken[0] = time.monotonic()
        try:
            yield
        finally:
            self._busy[index] = 0.0

    def check(self) -> str | None:
        """What is wrong with the processes now."""
        now = time.monotonic()
        for index, (beat, busy) in enumerate(zip(self._beats, self._busy, strict=True)):
            if beat == 0.0:
                return f"process {index} isn't ready"
            if now - beat > self._silent:
                return f"process {index} was silent for {now - beat:.0f} s"
            if busy and now - busy > self._time_limit + _GRACE_SECONDS:
                return f"process {index} has had a task for {now - busy:.0f} s"
        return None

    def idle(self) -> bool:
        """Whether a process is without a task."""
        return 0.0 in self._busy[:]

    def taken(self) -> float:
        """When a process last took a task."""
        return float(self._taken[0])

    def _beat(self, index: int) -> None:
        while True:
            self._beats[index] = time.monotonic()
            time.sleep(_BEAT_SECONDS)
