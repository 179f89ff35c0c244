"""`blindsight device outbox`: what waits in a device's outbox, and what becomes of its dead letters."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.table import Table

from blindsight.command_line.app import App
from blindsight.command_line.output import console, print_json
from common.service.settings_errors import PREFIX
from edge.outbox.dead_letters import DeadLetters, EntrySummary, Selection, find_outbox

app = App(
    name="outbox",
    help="Show what waits in a device's outbox; retry, drop or export its dead letters.",
    no_args_is_help=True,
)

State = Annotated[
    Path,
    typer.Option(
        envvar=f"{PREFIX}STATE", help="The device's state folder, or with --identities one above those of devices."
    ),
]
Jobs = Annotated[list[str] | None, typer.Argument(help="Jobs of dead letters, as `list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="All dead letters.")]
Reason = Annotated[str | None, typer.Option(help="All dead letters parked for this reason, such as deadline.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_entries(state: State, as_json: AsJson = False) -> None:
    """Show what is pending and which dead letters there are."""
    with _open(state) as letters:
        entries, now = letters.entries(), time.time()
    if as_json:
        print_json([_facts(each) for each in entries])
    else:
        if entries:
            console.print(_table(entries, now))
        typer.echo(
            f"{_total(entries, 'pending')}; {_total(entries, 'parked')}; {sum(each.size for each in entries):,} bytes"
        )


@app.command()
def retry(state: State, jobs: Jobs = None, everything: All = False, reason: Reason = None) -> None:
    """Let the device send dead letters again, with a new deadline; it may run meanwhile."""
    with _open(state) as letters:
        selection = letters.select(Selection(tuple(jobs or ()), everything, reason))
        changed = [each for each in selection if letters.retry(each.job)]
    typer.echo(f"{_amount(changed)} will be sent again")


@app.command()
def drop(state: State, jobs: Jobs = None, everything: All = False, reason: Reason = None, yes: Yes = False) -> None:
    """Delete dead letters for good; their frames count as dropped."""
    with _open(state) as letters:
        selection = letters.select(Selection(tuple(jobs or ()), everything, reason))
        if selection and not yes:
            typer.confirm(f"Delete {_amount(selection)}? They will get no labels.", abort=True)
        changed = [each for each in selection if letters.drop(each.job)]
    typer.echo(f"{_amount(changed)} dropped")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    state: State,
    jobs: Jobs = None,
    everything: All = False,
    reason: Reason = None,
) -> None:
    """Copy dead letters to a folder: a JSON line each, and their ciphertexts. They stay in the outbox."""
    with _open(state) as letters:
        selection = letters.select(Selection(tuple(jobs or ()), everything, reason))
        letters.export(selection, folder)
    typer.echo(f"{_amount(selection)} written to {folder}: no frame is readable there without the secret key")


@contextmanager
def _open(state: Path) -> Iterator[DeadLetters]:
    letters = DeadLetters(find_outbox(state))
    try:
        yield letters
    finally:
        letters.close()


def _facts(entry: EntrySummary) -> dict[str, object]:
    return {
        "job": entry.job,
        "state": entry.state,
        "frames": [
            {"counter": counter, "source": frame.source, "captured_at": frame.captured_at}
            for counter, frame in enumerate(entry.frames, start=entry.counter)
        ],
        "reason": entry.reason,
        "detail": entry.detail,
        "parked_at": entry.parked_at,
        "attempts": entry.attempts,
        "retries": entry.retries,
        "next_attempt_at": entry.next_attempt_at if entry.state == "pending" else None,
        "key_set": entry.key_set,
        "plan": entry.plan,
        "bytes": entry.size,
    }


def _table(entries: list[EntrySummary], now: float) -> Table:
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("job", no_wrap=True)  # whole, as `retry` and `drop` take it
    for name in ("frames", "state", "attempts", "next try", "age"):
        table.add_column(name, overflow="fold")
    table.add_column("bytes", no_wrap=True, justify="right")
    table.add_column("reason", overflow="fold")
    for each in entries:
        pending = each.state == "pending"
        more = f" and {len(each.frames) - 1} more" if len(each.frames) > 1 else ""
        table.add_row(
            each.job,
            f"{each.frames[0].source}{more}",
            each.state + (", retried" if each.retries else ""),
            str(each.attempts),
            _seconds(each.next_attempt_at - now) if pending else "",
            _seconds(now - each.frames[0].captured_at),
            f"{each.size:,}",
            "" if pending else f"{each.reason}: {each.detail}",
        )
    return table


def _seconds(seconds: float) -> str:
    """A time span in its largest unit."""
    if seconds <= 0:
        return "now"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _total(entries: list[EntrySummary], state: str) -> str:
    return f"{state}: {_amount([each for each in entries if each.state == state])}"


def _amount(entries: list[EntrySummary]) -> str:
    frames = sum(len(each.frames) for each in entries)
    return f"{_plural(len(entries), 'burst')} of {_plural(frames, 'frame')}"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
