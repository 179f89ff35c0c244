"""A worker's processes, really forked and stopped, as their parent sees them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.integration.fleet import wait_for
from workers.pool_health import PoolHealth


@contextmanager
def child(work: Callable[[], None]) -> Iterator[int]:
    pid = os.fork()
    if pid == 0:
        try:
            work()
            time.sleep(60)
        finally:
            os._exit(0)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.slow
def test_a_process_is_well_once_it_is_ready_and_not_when_it_is_stopped() -> None:
    pool = PoolHealth(1, 60, silent_limit=3)
    assert pool.check() == "process 0 isn't ready"
    with child(lambda: pool.ready(0)) as pid:
        wait_for("a beat", lambda: pool.check() is None)
        os.kill(pid, signal.SIGSTOP)
        wait_for("the silence", lambda: "silent" in (pool.check() or ""))
        os.kill(pid, signal.SIGCONT)
        wait_for("a beat", lambda: pool.check() is None)


def test_a_process_that_hangs_in_its_task_beats_and_is_not_well() -> None:
    pool = PoolHealth(2, time_limit=-15)

    def hang() -> None:
        pool.ready(0)
        pool.ready(1)
        with pool.task(1):
            time.sleep(60)

    with child(hang):
        wait_for("the task", lambda: "process 1 has had a task" in (pool.check() or ""))
        assert pool.idle()
        assert pool.last_task_at() > 0
