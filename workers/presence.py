"""A thread of the worker's parent process: tells that the worker is there, and ends it when it is stuck."""

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

#: Seconds that a worker may take, beyond the time limit, to get a frame that waits for it.
_PATIENCE = 30

log = get_logger(__name__)


class Presence:
    """The worker's entry in the registry, from the beginning of a `with` block to `stop`, or else to its end.

    Celery's consumer has been known to stay without a connection, or to have one and take nothing.
    Then frames wait although none is in work; the process ends, and its supervisor starts it anew.
    """

    def __init__(
        self, client: "redis.Redis", entry: WorkerEntry, time_limit: int, needs: Sequence[KeyNeeds] = ()
    ) -> None:
        self._redis, self._registry, self._entry = client, Registry(client), entry
        self._served, self._needs = ServedNeeds(client), needs
        #: Looks in a row, not seconds: while the process is paused there are none.
        self._most_idle = (time_limit + _PATIENCE) / ANNOUNCE_SECONDS
        self._idle = self._received = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def __enter__(self) -> "Presence":
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
            with suppress(redis.RedisError):  # the consumer says so, and connects again
                self._registry.announce(self._entry)
                self._watch()
                self._served.announce(self._needs)
            self._stopping.wait(ANNOUNCE_SECONDS)
        with suppress(redis.RedisError):  # then its entry expires
            self._registry.remove(self._entry.name)

    def _watch(self) -> None:
        received = sum(state.total_count.values())
        waiting = any(self._redis.llen(redis_keys.queue_of(plan)) for plan in self._entry.models)
        self._idle = self._idle + 1 if waiting and received == self._received else 0
        self._received = received
        if self._idle > self._most_idle:
            log.critical(
                "stuck: frames wait, and none was taken for long; ending, to be started again",
                seconds=round(self._idle * ANNOUNCE_SECONDS),
            )
            os._exit(1)
