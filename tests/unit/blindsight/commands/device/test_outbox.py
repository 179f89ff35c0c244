"""`blindsight device outbox list`, as people read it."""

import io

import pytest
from rich.console import Console

from blindsight.commands.device.outbox import _table
from edge.outbox.dead_letters import EntrySummary
from tests.unit.edge.entries import entry

NOW = 2000.0


@pytest.mark.parametrize(("state", "reason"), [("pending", None), ("parked", "deadline")])
def test_a_terminal_of_80_columns_shows_whole_jobs_which_the_other_commands_take(
    state: str, reason: str | None
) -> None:
    made = entry(7)
    summary = EntrySummary(
        job=made.job,
        counter=made.counter,
        frames=made.frames,
        state=state,  # type: ignore[arg-type]
        reason=reason,
        detail=None if reason is None else "no label in time, and the camera has gone on since",
        parked_at=None if reason is None else NOW,
        attempts=3,
        retries=1,
        next_attempt_at=NOW + 5,
        key_set=made.key_set,
        plan=made.plan,
        size=2_719_776,
    )
    terminal = Console(file=io.StringIO(), width=80)
    terminal.print(_table([summary], NOW))
    text = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert made.job in text
    assert "2,719,776" in text
    assert "…" not in text
