"""Labels go on without their leads, to a program that may fail or hang, and nothing waits for it."""

import json
import sys
from pathlib import Path

import pytest
import structlog

from common.errors import BrokerError, ConfigurationError
from console import forwarding
from console.forwarding import CommandForwarder, TopicForwarder
from console.record import FrameLabel
from tests.integration.fleet import wait_for

FIELDS = {
    "device": "cam-a",
    "job": "00000003-0123456789abcdef",
    "counter": 3,
    "label": "seven; rm -rf $HOME",
    "received_at": 1.0,
    "recorded_at": 2.0,
}
LABEL = FrameLabel(**FIELDS, lead=0.5)
PLAIN = {"kind": "label", **FIELDS}


def program(folder: Path, body: str) -> str:
    """A command that runs Python on the label's JSON `text`."""
    path = folder / "program.py"
    path.write_text(f"import sys, time\ntext = sys.stdin.read()\n{body}\n")
    return f"{sys.executable} '{path}' '{folder / 'out'}'"


def test_a_program_gets_the_plain_label_on_its_standard_input(tmp_path: Path) -> None:
    forwarder = CommandForwarder(program(tmp_path, "open(sys.argv[1], 'a').write(text)"))
    forwarder.label(LABEL)
    forwarder.label(LABEL)
    forwarder.close()
    assert [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()] == [PLAIN, PLAIN]


def test_a_program_learns_no_setting_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSIGHT_PASSPHRASE", "correct horse")
    forwarder = CommandForwarder(program(tmp_path, "import os; open(sys.argv[1], 'w').write(str(dict(os.environ)))"))
    forwarder.label(LABEL)
    forwarder.close()
    told = (tmp_path / "out").read_text()
    assert "PATH" in told and "correct horse" not in told


def test_a_program_that_fails_is_logged_and_the_next_label_goes_on(tmp_path: Path) -> None:
    body = "open(sys.argv[1], 'a').write(text)\nsys.exit('no database')"
    with structlog.testing.capture_logs() as logs:
        forwarder = CommandForwarder(program(tmp_path, body))
        forwarder.label(LABEL)
        forwarder.label(LABEL)
        forwarder.close()
    assert len((tmp_path / "out").read_text().splitlines()) == 2
    assert [(each["event"], each["code"], each["stderr"]) for each in logs] == [
        ("forward_command failed", 1, "no database")
    ] * 2


def test_a_program_that_hangs_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "_QUEUE", 2)
    monkeypatch.setattr(forwarding, "_RUN_SECONDS", 1.0)
    monkeypatch.setattr(forwarding, "_CLOSE_SECONDS", 0.1)
    with structlog.testing.capture_logs() as logs:
        forwarder = CommandForwarder(program(tmp_path, "open(sys.argv[1], 'a').close(); time.sleep(600)"))
        forwarder.label(LABEL)
        wait_for("the program's start", (tmp_path / "out").exists)
        for _ in range(5):
            forwarder.label(LABEL)  # two of them wait
        full = [each["event"] for each in logs if each["event"] != "forward_command failed"]
        assert full == ["a label isn't forwarded: too many wait for the command"] * 3
        wait_for("the end of a run that takes too long", lambda: logs[-1]["event"] == "forward_command failed")
        forwarder.close()


def test_a_program_that_hangs_ends_with_the_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "_CLOSE_SECONDS", 0.1)
    forwarder = CommandForwarder(program(tmp_path, "open(sys.argv[1], 'a').close(); time.sleep(600)"))
    forwarder.label(LABEL)
    wait_for("the program's start", (tmp_path / "out").exists)
    running = forwarder._running
    forwarder.close()
    assert running is not None and running.wait(10) != 0


@pytest.mark.parametrize("command", ["/no/such/program", "'", " "])
def test_a_program_that_is_not_there_is_said_at_once(command: str) -> None:
    with pytest.raises(ConfigurationError, match="forward_command is"):
        CommandForwarder(command)


def test_a_topic_gets_the_plain_label() -> None:
    published: list[tuple[str, bytes]] = []
    TopicForwarder("blindsight/v1/console/plain", lambda *message: published.append(message)).label(LABEL)
    ((topic, payload),) = published
    assert topic == "blindsight/v1/console/plain"
    assert json.loads(payload) == PLAIN


def test_a_topic_that_takes_no_label_is_logged() -> None:
    def refuse(topic: str, payload: bytes) -> None:
        raise BrokerError("too large")

    with structlog.testing.capture_logs() as logs:
        TopicForwarder("plain", refuse).label(LABEL)
    assert [each["reason"] for each in logs] == ["too large"]
