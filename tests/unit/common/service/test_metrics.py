"""The HTTP endpoint of metrics and health, asked as Prometheus and a container's health check ask it."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from blindsight.demo.servers import free_ports
from common.errors import ConfigurationError
from common.service.health import Health
from common.service.metrics import watched
from common.service.settings import ServiceSettings


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_and_health_are_served_while_the_service_runs() -> None:
    (port,) = free_ports(1)
    registry, problems = CollectorRegistry(), ["stuck"]
    Counter("seen", "Seen.", registry=registry).inc(3)
    with watched(ServiceSettings(metrics_port=port), Health(lambda: next(iter(problems), None)), registry):
        status, text = ask(port, "/metrics")
        assert status == 200 and "seen_total 3.0" in text
        status, text = ask(port, "/health")
        assert (status, json.loads(text)) == (503, {"healthy": False, "problems": ["stuck"]})
        problems.clear()
        assert ask(port, "/health")[0] == 200
        assert ask(port, "/else")[0] == 404
    with pytest.raises(urllib.error.URLError):
        ask(port, "/metrics")


def test_a_port_in_use_is_named() -> None:
    (port,) = free_ports(1)
    settings = ServiceSettings(metrics_port=port)
    with watched(settings, Health(), CollectorRegistry()):
        second = watched(settings, Health(), CollectorRegistry())
        with pytest.raises(ConfigurationError, match=rf"127.0.0.1:{port}.*--metrics-port"):
            second.__enter__()


def test_without_a_port_nothing_is_served() -> None:
    with watched(ServiceSettings(), Health(), CollectorRegistry()):
        pass


_CHILDREN = """
import os, signal, sys
from common.service.shared_counts import FOLDER, shared_counts
with shared_counts():
    from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
    from common.service.metrics import of_children
    count = Counter("frames", "Frames.", registry=None)
    held = Gauge("held", "Held.", multiprocess_mode="livesum", registry=None)
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            count.inc(2)
            held.set(5)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
    held.set(1)
    folder = os.environ[FOLDER]
    print(generate_latest(of_children(CollectorRegistry())).decode())
print("left", os.path.exists(folder))
"""


def test_counts_of_killed_processes_stay_and_what_they_held_goes() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PROMETHEUS_MULTIPROC_DIR"}
    output = subprocess.run(
        [sys.executable, "-c", _CHILDREN], capture_output=True, text=True, env=environment, check=False
    )
    assert output.returncode == 0, output.stderr
    assert "frames_total 4.0" in output.stdout
    assert "held 1.0" in output.stdout
    assert "left False" in output.stdout


@pytest.mark.slow
def test_the_command_line_loads_no_metrics_before_a_worker_starts() -> None:
    """prometheus-client decides at its import whether processes count together."""
    code = "import sys, blindsight.commands.worker; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
