"""Metrics for Prometheus, and health, by HTTP: `/metrics` and `/health`.

Each service defines its metrics in a module of its own. No metric may tell a frame's label, a secret, or
which device a frame came from. No value of a metric's label may come from a device, so that no device can fill
the memory of the program that scrapes.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Histogram, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from common.errors import ConfigurationError
from common.service.health import Health, Heartbeat
from common.service.settings import ServiceSettings
from common.service.shared_counts import FOLDER

#: Seconds, the upper bounds of the histograms' buckets: from an encryption to a frame that waited for its fleet.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
#: Seconds that a client may be silent.
_REQUEST_SECONDS = 15


def stage_seconds(registry: CollectorRegistry | None) -> Histogram:
    """The metric of how long a burst's stages took, by `stage`."""
    help_text = "Time of a burst's stage."
    return Histogram("blindsight_stage_seconds", help_text, ["stage"], buckets=_BUCKETS, registry=registry)


@contextmanager
def watched(settings: ServiceSettings, health: Health, registry: CollectorRegistry) -> Iterator[None]:
    """Health file and HTTP server while entered, as the settings say. Raises `ConfigurationError` for a port in use."""
    with ExitStack() as stack:
        stack.enter_context(Heartbeat(settings.health_file, health))
        if settings.metrics_port is not None:
            stack.enter_context(_serve(settings.metrics_host, settings.metrics_port, health, registry))
        yield


def of_children(registry: CollectorRegistry) -> CollectorRegistry:
    """The registry; with `common.service.shared_counts` it gives what this process's children count, too."""
    folder = os.environ.get(FOLDER)
    if folder is not None:
        registry.register(_Children(Path(folder)))
    return registry


class _Children(MultiProcessCollector):
    """The sums over children; those that were killed couldn't say that their gauges are void."""

    def __init__(self, folder: Path) -> None:
        super().__init__(None, str(folder))  # type: ignore[no-untyped-call]
        self._folder = folder

    def collect(self) -> Any:
        for pid in {path.stem.rpartition("_")[2] for path in self._folder.glob("gauge_live*.db")}:
            if not Path("/proc", pid).exists():
                mark_process_dead(int(pid), str(self._folder))  # type: ignore[no-untyped-call]
        return super().collect()  # type: ignore[no-untyped-call]


@contextmanager
def _serve(host: str, port: int, health: Health, registry: CollectorRegistry) -> Iterator[None]:
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] == "/metrics":
            return metrics(environ, start_response)
        if environ["PATH_INFO"] != "/health":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/metrics and /health are here\n"]
        problems = health.problems()
        start_response("503 Service Unavailable" if problems else "200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"healthy": not problems, "problems": problems}).encode() + b"\n"]

    try:
        server = make_server(host, port, answer, _Server, _Handler)
    except OSError as error:
        raise ConfigurationError(
            f"metrics can't be served at {host}:{port}: {error.strerror}; give --metrics-host and --metrics-port"
        ) from error
    os.register_at_fork(after_in_child=server.socket.close)  # a worker's processes would hold the port after its death
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_SECONDS  # whoever connects and stays silent is cut off

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes aren't worth a line."""
