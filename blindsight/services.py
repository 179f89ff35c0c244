"""`blindsight device`, `console`, `bridge` and `worker`: the services, until SIGTERM or Ctrl-C."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

from blindsight.plans import plan_file
from broker.settings import BridgeSettings
from common.logs import configure_logs
from common.settings import ServiceSettings
from common.shared_counts import shared_counts
from console.settings import ConsoleSettings
from edge.settings import DeviceSettings
from models.catalogue import model_folder
from workers.settings import WorkerSettings


def run_device(settings: DeviceSettings) -> None:
    """Watch a camera: encrypt its frames, send them, decrypt the labels that come back."""
    from edge.service import open_agent

    _configure(settings)
    updates = {"camera": _camera(settings.camera), "plan": plan_file(settings.plan)}
    with open_agent(settings.model_copy(update=updates)) as agent:
        _stop_with(agent.stop)
        agent.run()


def run_console(settings: ConsoleSettings) -> None:
    """Read the labels of a site's devices: show and record them, and tell the devices so."""
    from rich.console import Console as Terminal

    from console.outputs import JsonLines, LogLines, Output
    from console.service import make_console, open_record
    from console.table import LiveTable

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
            _stop_with(console.stop)
            console.run()
        finally:
            output.close()


def run_bridge(settings: BridgeSettings) -> None:
    """Hand encrypted frames from MQTT to the Celery queue, and evaluation keys to Redis."""
    from broker.bridge import Bridge

    _configure(settings)
    bridge = Bridge(settings, f"bridge-{socket.gethostname()}-{os.getpid()}")
    _stop_with(bridge.stop)
    bridge.run()


def run_worker(settings: WorkerSettings) -> None:
    """Evaluate plans on encrypted frames, and publish encrypted labels."""
    _configure(settings)
    with contextlib.nullcontext() if settings.metrics_port is None else shared_counts():
        from workers import app

        app.run_worker(settings.model_copy(update={"plans": [plan_file(path) for path in settings.plans]}))


def _camera(spec: str) -> str:
    """samples:MODEL stands for the folder of a model's sample frames."""
    kind, _, name = spec.partition(":")
    return f"folder:{model_folder(name) / 'samples'}" if kind == "samples" else spec


def _configure(settings: ServiceSettings) -> None:
    configure_logs(settings.log_level, settings.log_json)


def _stop_with(stop: Callable[[], None]) -> None:
    """Call `stop` at a signal, in a thread: the main one, which handles signals, may hold a lock that `stop` takes."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=stop, name="stop").start())
