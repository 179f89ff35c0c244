"""`blindsight device outbox` shows and handles dead letters; what it deletes it asks for."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blindsight.cli import app
from common.errors import OutboxError
from edge.outbox.outbox import Outbox
from tests.unit.edge.entries import add


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Of a device with two dead letters and a pending burst."""
    outbox = Outbox(tmp_path / "outbox.sqlite", 10**6)
    for reason in ("deadline", "failed"):
        outbox.park(add(outbox, frames=2), reason, f"detail of {reason}", 0)
    add(outbox)
    outbox.close()
    return tmp_path


def run(state: Path, command: str, *arguments: str, answer: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(
        app, ["device", "outbox", command, *arguments, "--state", str(state)], input=answer, env={"COLUMNS": "200"}
    )
    if isinstance(done.exception, OutboxError):
        raise done.exception
    return done.exit_code, done.output


def totals(state: Path) -> tuple[int, int, int]:
    """Pending, parked and dropped frames."""
    outbox = Outbox(state / "outbox.sqlite", 10**6)
    counts = outbox.counts()
    outbox.close()
    return counts.pending, counts.parked, counts.dropped


def test_a_list_has_what_waits_why_and_a_total(state: Path) -> None:
    code, output = run(state, "list")
    assert code == 0
    assert "pending: 1 burst of 1 frame; parked: 2 bursts of 4 frames; 300 bytes" in output
    facts = json.loads(run(state, "list", "--json")[1])
    assert [(each["state"], each["reason"], len(each["frames"])) for each in facts] == [
        ("parked", "deadline", 2),
        ("parked", "failed", 2),
        ("pending", None, 1),
    ]
    assert facts[1]["detail"] == "detail of failed"
    assert [frame["counter"] for frame in facts[1]["frames"]] == [2, 3]


def test_retrying_makes_them_pending(state: Path) -> None:
    assert "1 burst of 2 frames will be sent again" in run(state, "retry", "--reason", "failed")[1]
    assert totals(state) == (3, 2, 0)
    assert "1 burst of 2 frames will be sent again" in run(state, "retry", "--all")[1]
    assert totals(state) == (5, 0, 0)


def test_dropping_asks_first(state: Path) -> None:
    code, output = run(state, "drop", "--all", answer="n\n")
    assert (code, totals(state)) == (1, (1, 4, 0))
    assert "Delete 2 bursts of 4 frames?" in output
    assert run(state, "drop", "00000000-0123456789abcdef", answer="y\n")[0] == 0
    assert totals(state) == (1, 2, 2)
    assert run(state, "drop", "--all", "--yes")[0] == 0
    assert totals(state) == (1, 0, 4)


def test_an_export_leaves_them_where_they_are(state: Path) -> None:
    assert "2 bursts of 4 frames written to" in run(state, "export", str(state / "out"), "--all")[1]
    assert len(list((state / "out").glob("*.ciphertext"))) == 2
    assert totals(state) == (1, 4, 0)


def test_mistakes_are_named(state: Path) -> None:
    with pytest.raises(OutboxError, match="no dead letter of job '9'"):
        run(state, "retry", "9")
    with pytest.raises(OutboxError, match=r"reason is 'dedline'; give one of .*deadline"):
        run(state, "retry", "--reason", "dedline")
    with pytest.raises(OutboxError, match="--all"):
        run(state, "drop")
    with pytest.raises(OutboxError, match="has no outbox"):
        run(state / "nowhere", "list")
