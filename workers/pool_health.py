"""Whether the processes of a worker's pool get on with their tasks.

Each process writes times into memory that it shares with its parent since the fork, and the parent reads them.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import RawArray

#: Seconds between two beats of a process.
_BEAT_SECONDS = 2.0
#: Seconds without a beat after which a process counts as stopped.
_SILENT_SECONDS = 20.0
#: Seconds that a process may have a task beyond the time limit, in which the parent ends it.
_GRACE_SECONDS = 15.0


class PoolHealth:
    """When each process last beat, since when it has had its task, and when any process last took a task.

    Each process has a thread that does nothing but beat. So a process that was stopped (SIGSTOP, say) beats no more
    and shows by its silence. A process that hangs in its task goes on beating, and shows by the age of the task.

    `processes` is the size of the pool; `time_limit` is that of a task, in seconds; `silent_limit` is the time in
    seconds after which silence counts.
    """

    def __init__(self, processes: int, time_limit: float, silent_limit: float = _SILENT_SECONDS) -> None:
        # Times of CLOCK_MONOTONIC, which is the same clock in all processes; 0 stands for never, or for no task.
        self._beat_at, self._task_since = RawArray("d", processes), RawArray("d", processes)
        self._last_task_at = RawArray("d", 1)
        self._time_limit, self._silent_limit = time_limit, silent_limit

    def ready(self, index: int) -> None:
        """Start to beat; for process `index` to call once it can take tasks."""
        self._task_since[index] = 0.0
        threading.Thread(target=self._beat, args=(index,), name="beat", daemon=True).start()

    @contextmanager
    def task(self, index: int) -> Iterator[None]:
        """Process `index` has a task for as long as the `with` block lasts."""
        self._task_since[index] = self._last_task_at[0] = time.monotonic()
        try:
            yield
        finally:
            self._task_since[index] = 0.0

    def check(self) -> str | None:
        """A sentence about the first process that doesn't get on; None when all do."""
        now = time.monotonic()
        for index, (beat_at, task_since) in enumerate(zip(self._beat_at, self._task_since, strict=True)):
            if beat_at == 0.0:
                return f"process {index} isn't ready"
            if now - beat_at > self._silent_limit:
                return f"process {index} was silent for {now - beat_at:.0f} s"
            if task_since and now - task_since > self._time_limit + _GRACE_SECONDS:
                return f"process {index} has had a task for {now - task_since:.0f} s"
        return None

    def idle(self) -> bool:
        """Whether at least one process has no task."""
        return 0.0 in self._task_since[:]

    def last_task_at(self) -> float:
        """When a process last took a task, in seconds of the monotonic clock; 0 before the first task."""
        return float(self._last_task_at[0])

    def _beat(self, index: int) -> None:
        while True:
            self._beat_at[index] = time.monotonic()
            time.sleep(_BEAT_SECONDS)
