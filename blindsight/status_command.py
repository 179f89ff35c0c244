"""`blindsight status`: a site's devices, workers and queues in the terminal."""

import sys
import threading

import msgspec
import typer
from pydantic import Field
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from blindsight.interrupts import stop_with
from blindsight.output import print_json
from blindsight.site_status import Snapshot, watch_site
from common.logs import configure_logs
from common.settings import RedisSettings

_EVERY = 1.0
#: Retained messages come at once after the subscription.
_FIRST = 1.0


class StatusSettings(RedisSettings):
    """Where to ask: the broker's port for services, with the bridge's credentials, and Redis."""

    as_json: bool = Field(
        False, description="Print one snapshot as JSON, and end.", json_schema_extra={"flag": "--json"}
    )


def run_status(settings: StatusSettings) -> None:
    """Show a site's devices, workers and queues, live; with the bridge's credentials for MQTT and Redis."""
    stopping = threading.Event()
    stop_with(stopping.set)
    terminal = Console()
    once = settings.as_json or not terminal.is_terminal
    if once:
        configure_logs("error", settings.log_json)
        with watch_site(settings) as site:
            stopping.wait(_FIRST)
            snapshot = site.snapshot()
        if settings.as_json:
            print_json(msgspec.to_builtins(snapshot))
        else:
            terminal.print(render(snapshot, None))
        raise typer.Exit(1 if snapshot.problems else 0)
    with Live(console=terminal, auto_refresh=False) as live:
        configure_logs(settings.log_level, settings.log_json)  # now, so that its lines go above the table
        with watch_site(settings) as site:
            before: Snapshot | None = None
            while not stopping.wait(_EVERY if before else _FIRST):
                snapshot = site.snapshot()
                live.update(render(snapshot, before), refresh=True)
                before = snapshot
    sys.stdout.flush()


def render(now: Snapshot, before: Snapshot | None) -> Group:
    """Tables of a snapshot; rates are since the one before it."""
    problems = [Text(problem, style="bold red") for problem in now.problems]
    return Group(*problems, _devices(now, before), _workers(now, before), _queues(now, before))


def _table(names: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    """A table whose names fold where the terminal is narrow, so that no state or number is ever cut."""
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    for header in names:
        table.add_column(header, overflow="fold", min_width=8)
    for header in numbers:
        table.add_column(header, justify="right", no_wrap=True)
    return table


def _devices(now: Snapshot, before: Snapshot | None) -> Table:
    table = _table(("device", "model"), ("state", "up", "pending", "oldest", "answered", "/s", "parked", "alarms"))
    for name, status in now.devices.items():
        earlier = before.devices.get(name) if before else None
        rate = _rate(status.answered, earlier.answered if earlier else None, now, before)
        up = _duration(now.at - status.started_at) if status.state == "online" else ""
        table.add_row(
            escape(name),
            escape(f"{status.model} {status.plan[:12]}"),
            Text(status.state, style="green" if status.state == "online" else "red"),
            up,
            f"{status.pending:,}",
            _duration(status.oldest_pending_s) if status.pending else "",
            f"{status.answered:,}",
            rate,
            Text(f"{status.parked:,}", style="bold red" if status.parked else ""),
            Text(f"{status.alarms:,}", style="bold red" if status.alarms else ""),
        )
    if not now.devices:
        table.add_row("none yet")
    return table


def _workers(now: Snapshot, before: Snapshot | None) -> Table:
    table = _table(("worker", "models"), ("processes", "up", "answered", "/s"))
    earlier = {worker.name: worker.answered for worker in before.workers} if before else {}
    for worker in now.workers:
        models = ", ".join(f"{model} {plan[:12]}" for plan, model in worker.models.items())
        rate = _rate(worker.answered, earlier.get(worker.name), now, before)
        up = _duration(now.at - worker.started_at)
        table.add_row(escape(worker.name), escape(models), str(worker.concurrency), up, f"{worker.answered:,}", rate)
    if not now.workers:
        table.add_row("none; start one with: blindsight worker")
    return table


def _queues(now: Snapshot, before: Snapshot | None) -> Table:
    table = _table(("queue",), ("bursts", "MB", "/s"))
    if now.queues is not None:
        drained = before.queues.drained if before and before.queues else None
        rate = _rate(now.queues.drained, drained, now, before)
        table.add_row("waiting or in work", f"{now.queues.bursts:,}", f"{now.queues.bytes / 1e6:.1f}", rate)
        for plan, length in now.queues.plans.items():
            table.add_row(escape(f"not yet taken, {plan}"), f"{length:,}", "", "")
    return table


def _rate(value: int, earlier: int | None, now: Snapshot, before: Snapshot | None) -> str:
    if before is None or earlier is None or now.at <= before.at:
        return ""
    return f"{max(value - earlier, 0) / (now.at - before.at):.1f}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {seconds}s" if minutes else f"{seconds}s"
