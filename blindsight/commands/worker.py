"""`blindsight worker`: a worker of the fleet, under Celery's own handling of signals."""

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from blindsight.command_line.app import App
from blindsight.command_line.options import command
from blindsight.command_line.service import configure_service
from common.logs import get_logger
from common.service.shared_counts import shared_counts
from models.catalogue import plan_file
from workers.settings import WorkerSettings

log = get_logger(__name__)


def run_worker(settings: WorkerSettings) -> None:
    """Evaluate plans on encrypted frames, and publish encrypted labels."""
    configure_service(settings)
    warnings.filterwarnings("ignore", "You're running the worker with superuser privileges")  # a page of Celery's
    if os.geteuid() == 0:
        log.warning("this worker runs as root; give it a user of its own, who needs no rights but to read its files")
    with contextlib.nullcontext() if settings.metrics_port is None else shared_counts():
        from workers import app as service  # now: prometheus-client decides at its import where it counts

        plans = [plan_file(path) for path in settings.plans]
        with _celery_stops():
            service.run_worker(settings.model_copy(update={"plans": plans}))


@contextlib.contextmanager
def _celery_stops() -> Iterator[None]:
    """What `stop_with` does, where the signals are Celery's, for which a stop by Ctrl-C is a failure."""
    from celery import signals

    stops: list[str] = []

    def say(sig: str, how: str, **_: Any) -> None:
        stops.append(how)
        # In a thread, as the main one may hold the log's lock.
        event = {"Warm": "stopping", "Cold": "ending at once; the frames in work go to other workers"}[how]
        threading.Thread(target=log.info, args=(event,), kwargs={"signal": sig}).start()

    signals.worker_shutting_down.connect(say, weak=False)
    try:
        yield
    except SystemExit:
        if stops and set(stops) == {"Warm"}:
            sys.exit(0)
        raise


app = App(name="worker")
app.command("worker")(command(WorkerSettings, run_worker))
