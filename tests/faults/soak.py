"""`make soak`: ten thousand frames from twenty devices, kills all along; what a site holds must stay flat.

Some processes are never touched: memory and file handles are theirs. Redis and Mosquitto are killed early
only, and begin with nothing each time; so their third and last quarters show what they gather.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.models import small_model
from tests.faults.rounds import Row, settle, wait_for_labels
from tests.faults.site import Device, Site

_EVERY = 5.0
_KILL_EVERY = 4.0
_SPARED = ("bridge-1", "worker-1", "cam-01")
#: Until then servers are killed: what they hold for a minute has come again by the middle of the third quarter.
_EARLY = 0.4
#: The quarters, counted from 0, from which on a process must stay flat.
_SECOND, _THIRD = 1, 2
#: What may come on top until the last quarter: a tenth, and a few for what is only now and then.
_GROWTH, _SLACK = 1.1, {"MB": 6.0, "handles": 4, "keys": 40}


@dataclass
class Series:
    """What was measured over time, with its unit; the last quarter is held against the one `since`."""

    unit: str
    since: int
    values: list[float] = field(default_factory=list)

    def quarters(self) -> list[float]:
        """Medians of the four quarters."""
        size = max(len(self.values) // 4, 1)
        return [statistics.median(self.values[place * size : (place + 1) * size]) for place in range(4)]

    @property
    def flat(self) -> bool:
        """Whether the last quarter isn't above an earlier one, but for what comes and goes."""
        quarters = self.quarters()
        return quarters[-1] <= quarters[self.since] * _GROWTH + _SLACK[self.unit]


def soak(frames: int, devices: int, seed: int, folder: Path) -> tuple[Row, dict[str, Series]]:
    """Run until so many frames were accepted and all are answered; the outcome and what was measured."""
    row, rng, series = Row("soak", seed), random.Random(f"{seed} soak"), dict[str, Series]()
    models = (small_model(hidden=False), small_model())
    names = [f"cam-{number:02d}" for number in range(1, devices + 1)]
    rate = 40 / devices
    site = Site(
        folder,
        [
            Device(name, models[place % 4 == 0], "all", "device", rate, folder / name)
            for place, name in enumerate(names)
        ],
        small_disks=False,
    )
    try:
        wait_for_labels(site)
        accepted, killed = 0, time.monotonic()
        while accepted < frames:
            time.sleep(_EVERY)
            _measure(site, series)
            accepted = sum(site.accepted().values())
            print(f"{accepted:,} of {frames:,} frames")
            if time.monotonic() - killed > _KILL_EVERY:
                killed = time.monotonic()
                _kill(site, rng, early=accepted < _EARLY * frames)
        settle(site, row, set())
    finally:
        site.stop()
    return row, series


def _kill(site: Site, rng: random.Random, early: bool) -> None:
    names = [name for name in site.supervisor.processes if name not in _SPARED]
    if early and rng.random() < 0.15:
        site.restart_server(rng.choice(("mqtt", "redis")), 0.5)
        return
    one = site.process(rng.choice(("bridge-2", "worker-2", *names)))
    children = one.children() if one.name.startswith("worker") else []
    os.kill(rng.choice([one.pid, *children]), signal.SIGKILL)


def _measure(site: Site, series: dict[str, Series]) -> None:
    def add(name: str, unit: str, value: float, since: int) -> None:
        series.setdefault(name, Series(unit, since)).values.append(value)

    pool_process = max(site.process("worker-1").children(), default=site.process("worker-1").pid)
    pids = {name: (site.process(name).pid, _SECOND) for name in _SPARED}
    pids["worker-1, pool process"] = pool_process, _SECOND
    pids |= {"Mosquitto": (site.server_pid("mqtt"), _THIRD), "Redis": (site.server_pid("redis"), _THIRD)}
    for name, (pid, since) in pids.items():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
            add(f"{name}: memory", "MB", int(resident) / 1000, since)
            add(f"{name}: file handles", "handles", len(list(Path(f"/proc/{pid}/fd").iterdir())), since)
        except FileNotFoundError:  # being started again
            continue
        except PermissionError:  # a key holder's files are root's to see
            continue
    client = site.redis()
    add("Redis: keys", "keys", client.dbsize(), _THIRD)
    add("Redis: data", "MB", client.info("memory")["used_memory"] / 1e6, _THIRD)
    client.close()


def main() -> int:
    """Run the soak and print its figures; 1 when a frame went wrong or something grows."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--devices", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    folder, started = Path(tempfile.mkdtemp(prefix="blindsight-soak-")), time.monotonic()
    row, series = soak(arguments.frames, arguments.devices, arguments.seed, folder)
    table = Table("", "1st quarter", "2nd", "3rd", "4th", "flat", caption="medians")
    for name, one in series.items():
        cells = [f"{value:.1f}" if one.unit == "MB" else f"{value:.0f}" for value in one.quarters()]
        table.add_row(f"{name}, {one.unit}", *cells, "yes" if one.flat else "[red]no")
    console = Console(width=120)
    console.print(table)
    minutes = (time.monotonic() - started) / 60
    console.print(
        f"{row.frames:,} frames of {arguments.devices} devices in {minutes:.0f} min, seed {arguments.seed}: {row.lost} "
        f"lost, {row.duplicate} duplicate, {row.wrong} wrong, {row.disordered} out of order, {row.parked} parked; "
        f"drained in {row.drains[-1]:.1f} s"
    )
    for problem in row.problems[:20]:
        console.print(problem, style="red", highlight=False)
    if arguments.json:
        figures = {name: one.quarters() for name, one in series.items()}
        arguments.json.write_text(json.dumps({"frames": row.frames, "problems": row.problems, **figures}, indent=1))
    good = row.holds and all(one.flat for one in series.values())
    if good:
        shutil.rmtree(folder)
    else:
        print(f"logs and outboxes are in {folder}", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
