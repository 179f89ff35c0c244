"""A thread of the worker's parent process. It announces the worker, and ends it when the worker is stuck."""

import os
import threading
from collections.abc import Sequence
from contextlib import suppress

import redis
from celery.worker import state

from common.fleet import redis_keys
from common.fleet.registry import ANNOUNCE_SECONDS, Registry, WorkerEntry
from common.keys.key_needs import KeyNeeds, ServedNeeds
from common.logs import get_logger

#: Seconds beyond the time limit within which a worker has to take a frame that waits for it.
_PATIENCE = 30

log = get_logger(__name__)


class Announcement:
    """The worker's entry in the registry, from the beginning of a `with` block to `stop`, or else to its end.

    Celery's consumer has been known to stay without a connection, or to have a connection and take nothing from it.
    Then frames wait and none is taken. The process ends itself, and its supervisor starts it anew.

    `time_limit` is that of an evaluation, in seconds; `needs` are what the worker's plans need of key sets.
    """

    def __init__(
        self, client: "redis.Redis", entry: WorkerEntry, time_limit: int, needs: Sequence[KeyNeeds] = ()
    ) -> None:
        self._redis, self._registry, self._entry = client, Registry(client), entry
        self._served, self._needs = ServedNeeds(client), needs
        #: Looks in a row, every `ANNOUNCE_SECONDS`, that may find the worker idle beside frames that wait. Looks are
        #: counted rather than seconds, since a process that was paused for long is no stuck one.
        self._most_idle_looks = (time_limit + _PATIENCE) / ANNOUNCE_SECONDS
        self._idle_looks = self._task_count = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcement", daemon=True)

    def __enter__(self) -> "Announcement":
        """Announce the worker, now and every few seconds."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """As `stop`, and wait until the worker is taken out."""
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Take the worker out of the registry: it takes no more frames. Doesn't block."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with suppress(redis.RedisError):  # Celery's consumer logs it, and connects again
                self._registry.announce(self._entry)
                self._watch()
                self._served.announce(self._needs)
            self._stopping.wait(ANNOUNCE_SECONDS)
        with suppress(redis.RedisError):  # an entry that stays expires soon
            self._registry.remove(self._entry.name)

    def _watch(self) -> None:
        task_count = sum(state.total_count.values())
        waiting = any(self._redis.llen(redis_keys.queue_of(plan)) for plan in self._entry.models)
        self._idle_looks = self._idle_looks + 1 if waiting and task_count == self._task_count else 0
        self._task_count = task_count
        if self._idle_looks > self._most_idle_looks:
            log.critical(
                "stuck: frames wait, and none was taken for long; ending, to be started again",
                seconds=round(self._idle_looks * ANNOUNCE_SECONDS),
            )
            os._exit(1)
