"""`blindsight status` and `/health` on real services, well and unwell."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blindsight.demo.servers import Servers, free_ports, start_servers
from common.service.settings import ServiceSettings
from common.wire import topics
from common.wire.connection import MqttConnection
from common.wire.status import Status, encode_status
from tests.integration.conftest import DEVICES
from tests.integration.fleet import Fleet, make_fleet, problems, wait_for, write_pictures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers of our own, since they are paused here."""
    running = start_servers(tmp_path_factory.mktemp("servers"), DEVICES)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return dict(zip(("bridge", "worker", "device"), free_ports(3), strict=True))


@pytest.fixture(scope="module")
def fleet(own_servers: Servers, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = make_fleet(own_servers, tmp_path_factory.mktemp("fleet"))
    fleet.start_bridge("--metrics-port", str(ports["bridge"]))
    arguments = ["worker", "--plans", str(fleet.plan_file), "--metrics-port", str(ports["worker"])]
    fleet.services.start("worker", arguments, fleet.environment("worker"))
    write_pictures(fleet.folder / "camera", range(2))
    fleet.start_device("cam-a", fleet.folder / "camera", "--metrics-port", str(ports["device"]))
    wait_for("two labels", lambda: len(fleet.results("cam-a")) == 2)
    yield fleet
    fleet.services.stop()


def status(environment: dict[str, str], *extra: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "blindsight", "status", *extra]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def test_the_status_shows_devices_workers_and_queues(fleet: Fleet) -> None:
    def snapshot() -> dict[str, Any]:
        return dict(json.loads(status(fleet.environment("bridge"), "--json").stdout))

    wait_for("the device's counts", lambda: snapshot()["devices"]["cam-a"]["answered"] == 2)
    seen = snapshot()
    assert seen["devices"]["cam-a"]["state"] == "online"
    assert [(list(worker["models"]), worker["answered"]) for worker in seen["workers"]] == [([fleet.plan.head.hash], 2)]
    assert seen["queues"]["bursts"] == 0
    assert seen["queues"]["drained"] == 2
    assert seen["problems"] == []
    table = status(fleet.environment("bridge"))
    assert table.returncode == 0
    assert "cam-a" in table.stdout and "online" in table.stdout


def test_where_nothing_answers_the_status_says_what_to_give(fleet: Fleet) -> None:
    mqtt, redis = free_ports(2)
    nowhere = {"BLINDSIGHT_MQTT_PORT": str(mqtt), "BLINDSIGHT_REDIS_URL": f"redis://127.0.0.1:{redis}/0"}
    answer = status({**fleet.environment("bridge"), **nowhere}, "--json")
    assert answer.returncode == 1
    told = json.loads(answer.stdout)["problems"]
    assert f"127.0.0.1:{mqtt}" in told[0] and "--mqtt-host" in told[0]
    assert f"127.0.0.1:{redis}" in told[1] and "--redis-url" in told[1]


@pytest.mark.mosquitto
def test_all_of_many_devices_are_shown_however_few_messages_the_broker_queues(servers: Servers, fleet: Fleet) -> None:
    configuration, rules = servers.site.mosquitto / "mosquitto.conf", servers.site.mosquitto / "acl.conf"
    configuration.write_text(
        re.sub("(?m)^max_queued_messages .*", "max_queued_messages 100", configuration.read_text())
    )
    writer = f"user console\ntopic write {topics.status('+')}\n"
    rules.write_text(rules.read_text().replace("user console\n", writer))
    servers.kill("mqtt")
    servers.start("mqtt")
    settings = ServiceSettings(
        mqtt_port=servers.mqtt_port, mqtt_username="console", mqtt_password_file=servers.password_file("console")
    )
    console = MqttConnection(settings, "console")
    console.connect()
    sent = [
        console.publish(topics.status(f"gate-{number:04d}"), encode_status(Status("online", "i", 1.0)), retain=True)
        for number in range(1200)
    ]
    sent[-1].wait_for_publish(60)
    console.close()
    bridge = replace(fleet, servers=servers).environment("bridge")
    assert len(json.loads(status(bridge, "--json").stdout)["devices"]) == 1200
    table = status(bridge, "--filter", "gate-*99", "--sort", "name").stdout
    assert [line.split()[0] for line in table.splitlines() if line.startswith("gate")] == [
        f"gate-{number:02d}99" for number in range(12)
    ]


def test_services_that_get_on_are_well(ports: dict[str, int], fleet: Fleet) -> None:
    for port in ports.values():
        wait_for("health", lambda port=port: problems(port) == [])


def test_a_stopped_process_of_a_worker_shows(ports: dict[str, int], fleet: Fleet) -> None:
    (worker,) = [service for service in fleet.services.started if service.name == "worker"]
    child = int(Path(f"/proc/{worker.process.pid}/task/{worker.process.pid}/children").read_text().split()[0])
    os.kill(child, signal.SIGSTOP)
    try:
        wait_for("the silence", lambda: "silent" in " ".join(problems(ports["worker"])))
    finally:
        os.kill(child, signal.SIGCONT)
    wait_for("health", lambda: problems(ports["worker"]) == [])


def test_a_redis_that_is_paused_shows_at_bridge_and_worker(ports: dict[str, int], fleet: Fleet) -> None:
    process = fleet.servers.processes["redis"]
    process.send_signal(signal.SIGSTOP)
    try:
        for name in ("bridge", "worker"):
            assert any("Redis doesn't answer" in problem for problem in problems(ports[name]))
        assert problems(ports["device"]) == []
    finally:
        process.send_signal(signal.SIGCONT)
    for name in ("bridge", "worker"):
        wait_for("health", lambda name=name: problems(ports[name]) == [])
