"""`blindsight demo --web`: labels arrive while it is open, and Ctrl-C ends all of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.blindsight.test_demo import mentioning
from tests.integration.blindsight.web.visitor import Visitor
from tests.integration.fleet import wait_for

pytestmark = pytest.mark.slow


@dataclass
class Demo:
    """A demo that runs, and somebody who looks at its site."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    log: Path
    visitor: Visitor

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def demo(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Demo]:
    log = tmp_path / "log"
    command = ["env", "--default-signal=INT", sys.executable, "-m", "blindsight", "demo", "--web", "--frames", "2"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, *request.param], stdout=file, stderr=file, env={**os.environ, "TMPDIR": str(tmp_path)}
        )
        with closing(Visitor(log, lambda: process.poll() is None)) as visitor:
            (folder,) = tmp_path.glob("blindsight-demo-*")
            yield Demo(process, folder, log, visitor)
        if process.poll() is None:
            process.terminate()
            process.wait(60)


@pytest.mark.parametrize("demo", [["--model", "digits", "--rate", "2", "--custody", "site"]], ids=[""], indirect=True)
def test_labels_arrive_while_the_cameras_go_on_and_ctrl_c_ends_everything(demo: Demo) -> None:
    visitor = demo.visitor
    wait_for("the report", lambda: "Ctrl-C ends the demo" in demo.log.read_text(), seconds=120)
    versions = visitor.changes(2)
    assert versions[0] != versions[1]
    wait_for("further pictures", lambda: visitor.get("labels", device="cam-01")["items"][0]["counter"] > 2)
    cards = visitor.get("devices")["items"]
    assert [(card["device"], card["online"]) for card in cards] == [("cam-01", True), ("cam-02", True)]
    fleet = visitor.get("fleet")
    assert [len(worker["plans"]) for worker in fleet["workers"]] == [1]
    story = {party["party"]: party for party in visitor.get("devices/cam-01/story")["parties"]}
    assert story["device"]["holds"] == "picture"
    assert story["broker"]["holds"] == "ciphertext"
    picture = visitor.client.get(story["device"]["picture"])
    assert picture.content.startswith(b"\x89PNG")
    assert demo.end(signal.SIGINT) == 130
    assert not mentioning(str(demo.folder))
    assert not demo.folder.exists()
    assert "Traceback" not in demo.log.read_text()


@pytest.mark.parametrize("demo", [["--rate", "2"]], ids=[""], indirect=True)
def test_a_meter_s_readings_are_there_where_devices_hold_their_own_keys(demo: Demo) -> None:
    visitor = demo.visitor
    wait_for("a reading", lambda: visitor.get("readings", device="cam-01")["items"], seconds=120)
    reading = visitor.get("readings", device="cam-01")["items"][-1]
    assert (reading["name"], reading["unit"]) == ("meter", "kWh")
    assert visitor.get("devices/cam-01")["custody"] == "device"
    assert demo.end(signal.SIGTERM) == 143
    assert not mentioning(str(demo.folder))
