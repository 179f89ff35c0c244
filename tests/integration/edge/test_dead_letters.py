"""A frame that nobody answers in time is parked, as the status tells, and answered when somebody has it retried."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from blindsight.demo.servers import Servers
from common.wire.incoming import IncomingMessage
from common.wire.status import LastParked, Status, decode_status
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


def last_status(seen: list[IncomingMessage]) -> Status:
    return decode_status(seen[-1].payload)


def test_a_running_device_answers_what_was_retried(servers: Servers, tmp_path: Path) -> None:
    fleet, state = make_fleet(servers, tmp_path), tmp_path / "cam-a"
    truth = write_pictures(tmp_path / "early", range(3)) + write_pictures(tmp_path / "late", range(3, 4))
    try:
        fleet.start_bridge()
        with fleet.client("console", "blindsight/v1/cam-a/status") as (_, seen):
            device = fleet.start_device("cam-a", tmp_path / "early", "--deadline", "1", "--retry-after", "1")
            wait_for("three dead letters", lambda: seen and last_status(seen).parked == 3)
            said = last_status(seen)
            assert said.parked_by_reason == {"deadline": 3}
        device.process.terminate()
        assert device.process.wait(20) == 0
        listed = json.loads(outbox("list", state, "--json"))
        last = max(listed, key=lambda each: each["parked_at"])
        assert said.last_parked == LastParked(last["job"], "deadline", last["parked_at"])
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
