"""A frame that nobody answers in time is parked and said, and answered after all when somebody has it retried."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from blindsight.servers import Servers
from common import messages
from common.messages import ErrorReply, Status
from common.mqtt import Received
from tests.integration.fleet import make_fleet, wait_for, write_pictures

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
    truth = write_pictures(tmp_path / "camera", range(3))
    try:
        fleet.start_bridge()
        with fleet.client("console", "blindsight/v1/+/errors/+", "blindsight/v1/cam-a/status") as (_, seen):
            device = fleet.start_device("cam-a", tmp_path / "camera", "--deadline", "3", "--retry-after", "1")
            wait_for("three dead letters", lambda: len(errors(seen)) == 3)
            said = errors(seen)
            assert {reply.reason for reply in said} == {"deadline"}
            wait_for("the status", lambda: last_status(seen).parked == 3)
        listed = json.loads(outbox("list", state, "--json"))
        assert {each["job"] for each in listed} == {reply.job for reply in said}
        outbox("export", state, str(tmp_path / "export"), "--all")
        fleet.start_worker()
        assert "3 bursts of 3 frames will be sent again" in outbox("retry", state, "--reason", "deadline")
        wait_for("the labels", lambda: len(fleet.results("cam-a")) == 3)
        assert device.running
        assert sorted(result.source for result in fleet.results("cam-a")) == ["0000.png", "0001.png", "0002.png"]
        assert [r.label for r in sorted(fleet.results("cam-a"), key=lambda r: r.counter)] == truth
        assert json.loads(outbox("list", state, "--json")) == []
    finally:
        fleet.services.stop()
