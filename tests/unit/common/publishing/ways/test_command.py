"""A program gets each event on its standard input, and nothing else of ours."""

import json
import sys
import threading
from pathlib import Path

import pytest

from common.errors import BlindsightError, ConfigurationError
from common.publishing.events import plain
from common.publishing.ways import command
from common.publishing.ways.command import CommandWay
from tests.integration.fleet import wait_for
from tests.unit.common.publishing.queues import LABEL, PLAIN, READING


def program(folder: Path, body: str) -> str:
    """A command that runs Python on the event's JSON `text`."""
    path = folder / "program.py"
    path.write_text(f"import sys, time\ntext = sys.stdin.read()\n{body}\n")
    return f"{sys.executable} '{path}' '{folder / 'out'}'"


def test_a_program_gets_each_event_on_its_standard_input(tmp_path: Path) -> None:
    way = CommandWay(program(tmp_path, "open(sys.argv[1], 'a').write(text)"))
    way.send([plain(LABEL), plain(READING)])
    label, reading = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert label == PLAIN
    assert (reading["kind"], reading["value"], reading["unit"]) == ("reading", "1234.5", "m³")


def test_a_program_learns_no_setting_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSIGHT_PASSPHRASE", "correct horse")
    way = CommandWay(program(tmp_path, "import os; open(sys.argv[1], 'w').write(str(dict(os.environ)))"))
    way.send([plain(LABEL)])
    told = (tmp_path / "out").read_text()
    assert "PATH" in told and "correct horse" not in told


def test_a_program_that_fails_is_an_error_with_what_it_says(tmp_path: Path) -> None:
    with pytest.raises(BlindsightError, match="forward_command ended with 1: no database"):
        CommandWay(program(tmp_path, "sys.exit('no database')")).send([plain(LABEL)])


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_RUN_SECONDS", 0.5)
    with pytest.raises(BlindsightError, match=r"took over 0.5 s"):
        CommandWay(program(tmp_path, "time.sleep(600)")).send([plain(LABEL)])


def test_a_program_that_hangs_is_killed_when_the_key_holder_ends(tmp_path: Path) -> None:
    way = CommandWay(program(tmp_path, "open(sys.argv[1], 'a').close(); time.sleep(600)"))
    failed: list[str] = []

    def send() -> None:
        try:
            way.send([plain(LABEL)])
        except BlindsightError as error:
            failed.append(str(error))

    sending = threading.Thread(target=send)
    sending.start()
    wait_for("the program's start", (tmp_path / "out").exists)
    way.cancel()
    sending.join(30)
    assert failed == ["forward_command ended with -9: "]


@pytest.mark.parametrize("text", ["/no/such/program", "'", " "])
def test_a_program_that_is_not_there_is_said_at_once(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"forward_command (is|can't be read)"):
        CommandWay(text)


def test_arguments_which_may_be_secret_are_in_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_RUN_SECONDS", 0.3)
    with pytest.raises(BlindsightError) as slow:
        CommandWay(program(tmp_path, "time.sleep(600)") + " --token hunter2").send([plain(LABEL)])
    with pytest.raises(ConfigurationError) as missing:
        CommandWay("/no/such/program --token hunter2")
    with pytest.raises(ConfigurationError) as open_quote:
        CommandWay("program --token 'hunter2")
    assert "hunter2" not in f"{slow.value}{slow.value.__cause__}{missing.value}{open_quote.value}"
