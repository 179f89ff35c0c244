"""A frame that nobody answers in time is parked and said, and answered after all when somebody has it retried."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from blindsight.servers import Servers
from common import messages
from common.messages import ErrorReply, Status
from common.mqtt import MqttConnection, Received
from edge.answers import AnswerBook
from edge.outbox import Outbox
from edge.sending import Sender
from edge.settings import DeviceSettings
from edge.uploads import Uploads
from tests.integration.fleet import make_fleet, wait_for, write_pictures
from tests.unit.edge.entries import add

pytestmark = pytest.mark.slow


def outbox(command: str, state: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "blindsight", "device", "outbox", command, "--state", str(state), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def errors(seen: list[Received]) -> list[ErrorReply]:
    return [messages.decode(message.payload, ErrorReply) for message in list(seen) if "/errors/" in message.topic]


def last_status(seen: list[Received]) -> Status:
    return messages.decode_status([message for message in list(seen) if message.topic.endswith("/status")][-1].payload)


def test_a_running_device_answers_what_was_retried(servers: Servers, tmp_path: Path) -> None:
    fleet, state = make_fleet(servers, tmp_path), tmp_path / "cam-a"
    truth = write_pictures(tmp_path / "early", range(3)) + write_pictures(tmp_path / "late", range(3, 4))
    try:
        fleet.start_bridge()
        with fleet.client("console", "blindsight/v1/+/errors/+", "blindsight/v1/cam-a/status") as (_, seen):
            device = fleet.start_device("cam-a", tmp_path / "early", "--deadline", "1", "--retry-after", "1")
            wait_for("three dead letters", lambda: len(errors(seen)) == 3)
            said = errors(seen)
            assert {reply.reason for reply in said} == {"deadline"}
            wait_for("the status", lambda: last_status(seen).parked == 3)
        device.process.terminate()
        assert device.process.wait(20) == 0
        listed = json.loads(outbox("list", state, "--json"))
        assert {each["job"] for each in listed} == {reply.job for reply in said}
        fleet.start_worker()
        fleet.start_device("cam-a", tmp_path / "late")
        wait_for("a later frame's label", lambda: len(fleet.results("cam-a")) == 1)
        assert "3 bursts of 3 frames will be sent again" in outbox("retry", state, "--reason", "deadline")
        wait_for("the labels", lambda: len(fleet.results("cam-a")) == 4)
        found = fleet.results("cam-a")
        assert found[0].counter == 3
        assert [result.label for result in sorted(found, key=lambda result: result.counter)] == truth
        assert json.loads(outbox("list", state, "--json")) == []
    finally:
        fleet.services.stop()


def test_what_was_parked_without_a_broker_is_told_once_it_is_there(servers: Servers, tmp_path: Path) -> None:
    fleet = make_fleet(servers, tmp_path)
    settings = DeviceSettings(camera="samples:digits", plan=fleet.head_file, state=tmp_path, deadline=60)
    settings.mqtt_port, settings.mqtt_username = servers.mqtt_port, "cam-a"
    settings.mqtt_password_file = servers.password_file("cam-a")
    connection, store = MqttConnection(settings, "cam-a", forget_unsent=True), Outbox(tmp_path / "outbox.sqlite", 10**6)
    uploads = Uploads("cam-a", [], lambda *_: None)
    sender = Sender(settings, "cam-a", 100, store, AnswerBook(store, None), uploads, connection)
    job = add(store)  # captured in 1970
    sender.tick("k" * 64)
    assert store.parked_by_reason() == {"deadline": 1}
    with fleet.client("console", "blindsight/v1/+/errors/+") as (_, seen):
        connection.connect()
        sender.tick("k" * 64)
        wait_for("the device's word", lambda: errors(seen))
    assert [(reply.job, reply.reason) for reply in errors(seen)] == [(job, "deadline")]
    connection.close()
    store.close()
