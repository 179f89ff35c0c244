"""The servers that demo and tests start: they leave nothing behind, touch no other, and keep what they should."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from blindsight.demo.servers import Servers, free_ports, start_servers
from broker.provisioning.provision import provision
from broker.provisioning.site_settings import Address
from common.errors import BlindsightError
from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage

pytestmark = pytest.mark.slow


def ports(servers: Servers) -> list[int]:
    return [servers.mqtt_port, servers.mqtt_service_port, servers.address.redis_port]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def runs(process: int) -> bool:
    """Whether a process is there and not just waiting for its parent to notice its end."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def mqtt(servers: Servers, user: str, port: int, *topics: str) -> tuple[MqttConnection, list[IncomingMessage]]:
    received: list[IncomingMessage] = []
    settings = ServiceSettings(mqtt_port=port, mqtt_username=user, mqtt_password_file=servers.password_file(user))
    client = MqttConnection(settings, f"{user}-test", on_message=received.append, subscriptions=topics)
    client.connect()
    return client, received


def store(servers: Servers) -> "redis.Redis":
    return redis.Redis(port=servers.address.redis_port, password=servers.redis_password_file.read_text())


def test_stopping_frees_the_ports_and_ends_the_processes(tmp_path: Path) -> None:
    servers = start_servers(tmp_path, ["cam-a"])
    processes = [process.pid for process in servers.processes.values()]
    assert all(map(listens, ports(servers))) and all(map(runs, processes))
    servers.stop()
    assert not any(map(listens, ports(servers))) and not any(map(runs, processes))


def test_servers_that_run_already_are_left_alone(tmp_path: Path) -> None:
    first = start_servers(tmp_path / "first", ["cam-a"])
    try:
        second = start_servers(tmp_path / "second", ["cam-a"])
        assert not set(ports(first)) & set(ports(second))
        second.stop()
        assert all(map(listens, ports(first)))
        assert store(first).ping()
    finally:
        first.stop()


@pytest.mark.parametrize(("name", "index"), [("mqtt", 0), ("mqtt", 1), ("redis", 2)])
def test_a_port_that_another_program_has_is_an_error_not_a_server(tmp_path: Path, name: str, index: int) -> None:
    started = start_servers(tmp_path / "running", [])
    started.stop()
    numbers = free_ports(3)
    address = Address("127.0.0.1", *numbers)
    servers = Servers(provision(tmp_path / "site", [], address), address, started.mqtt, started.redis)
    with socket.create_server(("127.0.0.1", numbers[index])), pytest.raises(BlindsightError, match=str(numbers[index])):
        servers.start(name)
    assert not servers.processes


@pytest.mark.mosquitto
def test_a_server_that_dies_shows_the_end_of_its_log(tmp_path: Path) -> None:
    servers = start_servers(tmp_path, [])
    try:
        servers.kill("mqtt")
        (servers.site.mosquitto / "acl.conf").write_text("nonsense\n")
        with pytest.raises(BlindsightError, match=r"didn't start:[\s\S]*nonsense"):
            servers.start("mqtt")
    finally:
        servers.stop()


@pytest.mark.mosquitto
def test_a_device_status_survives_a_restart_of_the_broker(tmp_path: Path) -> None:
    servers = start_servers(tmp_path, ["cam-a"])
    try:
        device, _ = mqtt(servers, "cam-a", servers.mqtt_port)
        device.publish_confirmed("blindsight/v1/cam-a/status", b"{}", 5, retain=True)
        device.close()
        servers.kill("mqtt", signal.SIGTERM)
        servers.start("mqtt")
        bridge, seen = mqtt(servers, "bridge", servers.mqtt_service_port, "blindsight/v1/+/status")
        assert eventually(lambda: [message.payload for message in seen] == [b"{}"])
        bridge.close()
    finally:
        servers.stop()


def test_keys_survive_a_restart_of_redis(tmp_path: Path) -> None:
    servers = start_servers(tmp_path, [])
    try:
        store(servers).set("blindsight:keys:cam-a:x", b"keys")
        servers.kill("redis", signal.SIGTERM)
        servers.start("redis")
        assert store(servers).get("blindsight:keys:cam-a:x") == b"keys"
    finally:
        servers.stop()


def test_the_operator_s_own_settings_win(tmp_path: Path) -> None:
    site = provision(tmp_path)
    (site.redis / "own.conf").write_text("maxmemory 4gb\n")
    (site.mosquitto / "listeners" / "00-own.conf").write_text("max_keepalive 60\n")
    servers = start_servers(tmp_path, [])
    try:
        assert store(servers).info("memory")["maxmemory"] == 4 * 2**30
    finally:
        servers.stop()


def test_redis_wants_its_password_and_refuses_dangerous_commands(tmp_path: Path) -> None:
    servers = start_servers(tmp_path, [])
    try:
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=servers.address.redis_port).ping()
        for command in ("CONFIG GET *", "REPLICAOF NO ONE", "SLAVEOF NO ONE", "MODULE LIST", "DEBUG SLEEP 0"):
            with pytest.raises(redis.ResponseError, match="unknown command"):
                store(servers).execute_command(command)
    finally:
        servers.stop()


@pytest.mark.skipif(not Path("/usr/bin/setpriv").exists(), reason="needs util-linux's setpriv")
def test_servers_end_when_we_are_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from blindsight.demo.servers import start_servers\n"
        "servers = start_servers(Path(sys.argv[1]), [])\n"
        "print(*(process.pid for process in servers.processes.values()), flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        processes = [int(number) for number in parent.stdout.readline().split()]
        os.kill(parent.pid, signal.SIGKILL)
    assert len(processes) == 2
    assert eventually(lambda: not any(map(runs, processes)))
