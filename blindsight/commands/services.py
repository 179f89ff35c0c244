"""`blindsight device`, `console`, `bridge` and `worker`: the services, until SIGTERM or Ctrl-C."""

import contextlib
import os
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from blindsight.command_line.interrupts import stop_with
from blindsight.command_line.logs import configure_logs
from blindsight.command_line.options import unknown_variables
from broker.settings import BridgeSettings
from common.keys.core_dumps import forbid_core_dumps
from common.logs import get_logger
from common.service.settings import ServiceSettings
from common.service.shared_counts import shared_counts
from console.settings import ConsoleSettings
from edge.settings import DeviceSettings
from models.catalogue import model_folder, plan_file
from workers.settings import WorkerSettings

log = get_logger(__name__)


def run_device(settings: DeviceSettings) -> None:
    """Watch a camera: encrypt its frames, send them, decrypt the labels that come back."""
    from edge.service import open_agent

    forbid_core_dumps()
    _configure(settings)
    updates = {"camera": _camera(settings.camera), "plan": plan_file(settings.plan)}
    with open_agent(settings.model_copy(update=updates)) as agent:
        stop_with(agent.stop)
        agent.run()


def run_console(settings: ConsoleSettings) -> None:
    """Read the labels of a site's devices: show and record them, and tell the devices so."""
    from rich.console import Console as Terminal

    from console.outputs import JsonLines, LogLines, Output
    from console.service import make_console, open_record
    from console.table import LiveTable

    forbid_core_dumps()
    with open_record(settings) as record:
        output: Output
        if settings.json_lines:
            output = JsonLines()
        elif sys.stdout.isatty():
            # Before the log, whose lines then go above the table.
            output = LiveTable(Terminal(), record, settings.label_only)
        else:
            output = LogLines()
        try:
            _configure(settings)
            plans = [plan_file(path) for path in settings.plans]
            console = make_console(settings.model_copy(update={"plans": plans}), record, [output])
            stop_with(console.stop)
            console.run()
        finally:
            output.close()


def run_bridge(settings: BridgeSettings) -> None:
    """Hand encrypted frames from MQTT to the Celery queue, and evaluation keys to Redis."""
    from broker.bridge import Bridge

    _configure(settings)
    bridge = Bridge(settings, f"bridge-{socket.gethostname()}-{os.getpid()}")
    stop_with(bridge.stop)
    bridge.run()


def run_worker(settings: WorkerSettings) -> None:
    """Evaluate plans on encrypted frames, and publish encrypted labels."""
    _configure(settings)
    warnings.filterwarnings("ignore", "You're running the worker with superuser privileges")  # a page of Celery's
    if os.geteuid() == 0:
        log.warning("this worker runs as root; give it a user of its own, who needs no rights but to read its files")
    with contextlib.nullcontext() if settings.metrics_port is None else shared_counts():
        from workers import app

        plans = [plan_file(path) for path in settings.plans]
        with _celery_stops():
            app.run_worker(settings.model_copy(update={"plans": plans}))


@contextlib.contextmanager
def _celery_stops() -> Iterator[None]:
    """What `stop_with` does, where the signals are Celery's, for which a stop by Ctrl-C is a failure."""
    from celery import signals

    stops: list[str] = []

    def say(sig: str, how: str, **_: Any) -> None:
        stops.append(how)
        # In a thread, as the main one may hold the log's lock.
        told = {"Warm": "stopping", "Cold": "ending at once; the frames in work go to other workers"}[how]
        threading.Thread(target=log.info, args=(told,), kwargs={"signal": sig}).start()

    signals.worker_shutting_down.connect(say, weak=False)
    try:
        yield
    except SystemExit:
        if stops and set(stops) == {"Warm"}:
            sys.exit(0)
        raise


def _camera(spec: str) -> str:
    """samples:MODEL stands for the folder of a model's sample frames."""
    kind, _, name = spec.partition(":")
    return f"folder:{model_folder(name) / 'samples'}" if kind == "samples" else spec


def _configure(settings: ServiceSettings) -> None:
    configure_logs(settings.log_level, settings.log_json)
    for sentence in unknown_variables():
        log.warning(sentence)
