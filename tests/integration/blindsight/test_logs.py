"""One job can be followed through the logs of all services, and none of them holds a secret."""

import base64
import json
from collections.abc import Iterator

import pytest

from blindsight.demo.processes import Service
from blindsight.demo.servers import Servers
from tests.integration.fleet import Fleet, make_fleet, write_pictures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def logs(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[dict[str, object]]]]:
    """What each service logged while three frames were labelled."""
    fleet = make_fleet(servers, tmp_path_factory.mktemp("logged"))
    try:
        yield {service.name: _lines(service) for service in _run(fleet)}
    finally:
        fleet.services.stop()


def _run(fleet: Fleet) -> list[Service]:
    write_pictures(fleet.folder / "camera", range(3))
    arguments = ["worker", "--plans", str(fleet.plan_file), "--log-json", "--log-level", "debug"]
    bridge = fleet.start_bridge("--log-json", "--log-level", "debug")
    worker = fleet.services.start("worker", arguments, fleet.environment("worker"))
    extra = ["--exit-when-done", "--log-json", "--log-level", "debug"]
    device = fleet.start_device("cam-a", fleet.folder / "camera", *extra)
    assert device.process.wait(90) == 0, device.tail()
    fleet.services.stop()
    return [bridge, worker, device]


def _lines(service: Service) -> list[dict[str, object]]:
    lines = service.log.read_text().splitlines()
    # Celery's handler of signals, which may not log, prints this.
    return [json.loads(line) for line in lines if line not in ("", "worker: Warm shutdown (MainProcess)")]


def test_a_job_can_be_followed_through_all_processes(logs: dict[str, list[dict[str, object]]]) -> None:
    jobs = [line["job"] for line in logs["device-cam-a"] if line["event"] == "accepted"]
    assert len(jobs) == 3
    for job in jobs:
        told = {name: [line["event"] for line in lines if line.get("job") == job] for name, lines in logs.items()}
        assert {"accepted", "sent"} <= set(told["device-cam-a"])
        assert told["device-cam-a"][-1] == "label"
        assert "queued" in told["bridge"]
        assert {"taken", "answered"} <= set(told["worker"])


def test_every_line_is_json_also_those_of_celery(logs: dict[str, list[dict[str, object]]]) -> None:
    assert all({"event", "level", "timestamp"} <= line.keys() for lines in logs.values() for line in lines)
    assert any("ready" in str(line["event"]) for line in logs["worker"])


def test_no_log_holds_a_secret(
    logs: dict[str, list[dict[str, object]]], servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Passwords, and each file of a key as text of any usual form."""
    passwords = [servers.password_file(user).read_text().strip() for user in ("cam-a", "bridge", "worker")]
    passwords.append(servers.redis_password_file.read_text().strip())
    text = json.dumps(logs)
    (secret,) = tmp_path_factory.getbasetemp().glob("logged[0-9]*/cam-a/keys/secret.key")
    key = secret.read_bytes()
    piece = key[len(key) // 2 :][:12]
    forms = [piece.hex(), repr(piece)[2:-1], base64.b64encode(key[len(key) // 6 * 3 :][:12]).decode().rstrip("=")]
    assert not [secret for secret in [*passwords, *forms] if secret in text]
