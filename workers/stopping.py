"""How a worker stops: it finishes the frames in work, or hands them back, and ends whatever else happens."""

import multiprocessing
import os
import signal
import threading
import time
from typing import Any

import billiard
from celery import signals

from common.logs import get_logger
from workers.announcement import Announcement

#: Seconds in which processes have to hand back their frames before they are killed; a stage isn't interrupted.
_HAND_BACK_SECONDS = 6.0
#: Seconds in which the worker has to end then, before it is killed.
_END_SECONDS = 3.0

log = get_logger(__name__)
#: A flag that the processes share with their parent since the fork. The parent sets it before it ends them, so that
#: they hand back their frames.
handing_back = multiprocessing.RawValue("b", False)


def stop_with(announcement: Announcement, stop_timeout: int) -> None:
    """At SIGTERM take no more frames, and hand back those that are still in work after `stop_timeout` seconds.

    Celery then ends the processes that have a task, and waits for the others without a bound: for one that hangs while
    it starts or closes its connections, or for a Redis that is silent. So who is still there soon after is killed.
    """

    @signals.worker_shutting_down.connect(weak=False)
    def stop(**_: Any) -> None:
        announcement.stop()
        if not handing_back.value:
            timer = threading.Timer(stop_timeout, _hand_back, [stop_timeout])
            timer.daemon = True
            timer.start()


def _hand_back(stop_timeout: int) -> None:
    log.warning("the frames in work take too long; handing them back", stop_timeout=stop_timeout)
    handing_back.value = True
    os.kill(os.getpid(), signal.SIGQUIT)  # by which Celery ends the processes with a task at once
    time.sleep(_HAND_BACK_SECONDS)
    log.error("processes don't end; killing them")
    for process in billiard.active_children():
        os.kill(process.pid, signal.SIGKILL)
    time.sleep(_END_SECONDS)
    log.critical("the worker itself doesn't end; killing it")
    os._exit(1)
