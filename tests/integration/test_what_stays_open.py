"""A service that can't start, or whose broker ends it, leaves no connection and no thread."""

import gc
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from blindsight.demo.servers import Servers
from broker import metrics
from broker.bridge import Bridge
from broker.settings import BridgeSettings
from common.errors import BlindsightError, BrokerError, ConfigurationError
from tests.integration.fleet import Fleet, make_fleet, wait_for
from workers.preparation import prepare
from workers.processor import Processor
from workers.settings import WorkerSettings

pytestmark = pytest.mark.slow


@pytest.fixture
def fleet(servers: Servers, tmp_path: Path) -> Fleet:
    return make_fleet(servers, tmp_path)


@pytest.fixture
def port_in_use() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def access(fleet: Fleet, user: str, **others: Any) -> dict[str, Any]:
    """Settings of a bridge or worker."""
    return {
        "mqtt_port": fleet.servers.mqtt_service_port,
        "mqtt_username": user,
        "mqtt_password_file": fleet.servers.password_file(user),
        "redis_url": fleet.servers.redis_url,
        "redis_password_file": fleet.servers.redis_password_file,
        **others,
    }


def leaves_nothing(fleet: Fleet, start: Callable[[], object], error: type[BlindsightError]) -> None:
    """`start` raises this, and while the error, with all that it refers to, is held, nothing is open."""
    gc.collect()  # clients of other tests that nobody closed would end at any time
    with closing(fleet.redis()) as store:
        before, threads = _clients(store), set(threading.enumerate())
        with pytest.raises(error) as held:
            start()
        wait_for("the end of its threads", lambda: set(threading.enumerate()) <= threads, 10)
        wait_for("the end of its connections", lambda: _clients(store) <= before, 10)
        assert held.tb is not None


def _clients(store: "redis.Redis") -> int:
    return int(store.info("clients")["connected_clients"])


def test_a_bridge_whose_port_for_metrics_is_in_use_leaves_nothing(fleet: Fleet, port_in_use: int) -> None:
    collectors = len(metrics.REGISTRY._collector_to_names)
    settings = BridgeSettings(**access(fleet, "bridge", metrics_port=port_in_use))
    leaves_nothing(fleet, lambda: Bridge(settings, "bridge-1").run(), ConfigurationError)
    assert len(metrics.REGISTRY._collector_to_names) == collectors


def test_a_bridge_that_the_broker_refuses_leaves_nothing(fleet: Fleet) -> None:
    settings = BridgeSettings(**access(fleet, "bridge", mqtt_password_file=None, mqtt_password=SecretStr("wrong")))
    leaves_nothing(fleet, lambda: Bridge(settings, "bridge-1").run(), BrokerError)


def test_a_bridge_that_the_broker_ends_in_the_middle_of_its_work_leaves_nothing(fleet: Fleet) -> None:
    settings = BridgeSettings(**access(fleet, "bridge"))

    def run() -> None:
        bridge = Bridge(settings, "bridge-1")

        def end() -> None:
            bridge._mqtt.wait_connected(30)
            bridge._mqtt._fail("another client connected, as paho's thread would say")

        threading.Thread(target=end).start()
        bridge.run()

    leaves_nothing(fleet, run, BrokerError)


def test_a_bridge_whose_certificate_is_missing_leaves_nothing(fleet: Fleet, tmp_path: Path) -> None:
    settings = BridgeSettings(**access(fleet, "bridge", mqtt_ca_file=tmp_path / "none.pem"))
    leaves_nothing(fleet, lambda: Bridge(settings, "bridge-1"), ConfigurationError)


def test_a_worker_process_that_the_broker_refuses_leaves_nothing(fleet: Fleet) -> None:
    wrong = access(fleet, "worker", mqtt_password_file=None, mqtt_password=SecretStr("wrong"))
    settings = WorkerSettings(plans=[fleet.plan_file], **wrong)
    evaluation = prepare(settings)
    leaves_nothing(fleet, lambda: Processor(settings, "host-1", evaluation), BrokerError)


#: A worker in a process of its own, since Celery's signals and Kombu's changes hold for a whole process.
WORKER = """
import sys, threading
from pathlib import Path
from common.errors import ConfigurationError
from workers.app import run_worker
from workers.settings import WorkerSettings
try:
    run_worker(WorkerSettings(plans=[Path(sys.argv[1])]))
except ConfigurationError:
    print("threads:", *(thread.name for thread in threading.enumerate()))
"""


def test_a_worker_whose_port_for_metrics_is_in_use_leaves_nothing(fleet: Fleet, port_in_use: int) -> None:
    environment = {**os.environ, **fleet.environment("worker"), "BLINDSIGHT_METRICS_PORT": str(port_in_use)}
    command = [sys.executable, "-c", WORKER, str(fleet.plan_file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "threads: MainThread\n" in done.stdout
