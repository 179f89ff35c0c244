"""Rounds of a fault on a running site: strike, wait until all is drained, check the history."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from common.wire.messages import Custody
from tests.faults.disks import can_mount
from tests.faults.faults import DISK_FAULTS, FAULTS, Fault
from tests.faults.models import Model, small_model
from tests.faults.site import Device, Policy, Site

#: Seconds after a fault's end in which every frame accepted before has to be answered.
DRAINED_WITHIN = 60.0
_POLL = 0.3
_FIRST_LABELS_WITHIN = 90.0
RANDOM = "random faults"


@dataclass
class Row:
    """The outcome of all rounds of a fault. `drains` are seconds from a fault's end until all was answered."""

    fault: str
    seed: int
    rounds: int = 0
    frames: int = 0
    lost: int = 0
    duplicate: int = 0
    wrong: int = 0
    disordered: int = 0
    parked: int = 0
    drains: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    skipped: str | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing happened that may not."""
        return not self.problems


def run(names: Sequence[str], rounds: int, seed: int, folder: Path) -> list[Row]:
    """Rounds of these faults, one after another on one site; after a problem on a new one, whose folder stays."""
    left = [fault for fault in FAULTS if fault.name in names]
    rows: list[Row] = []
    while left:
        with running_site(folder / f"site-{len(rows)}") as site:
            wait_for_labels(site)
            while left:
                rows.append(_rounds(site, left.pop(0), rounds, seed))
                if not rows[-1].holds:
                    break
    return rows


def _rounds(site: Site, fault: Fault, rounds: int, seed: int) -> Row:
    row = Row(fault.name, seed)
    if fault.name in DISK_FAULTS and not can_mount():
        row.skipped = "the kernel lets us mount no disk"
        return row
    earlier = list(site.findings(site.accepted()).values())
    for number in range(1, rounds + 1):
        rng = random.Random(f"{seed} {fault.name} {number}")
        time.sleep(rng.uniform(0.2, 1.2))
        _strike(site, row, [fault], rng)
        print(f"{fault.name}: round {number} of {rounds}, drained in {row.drains[-1]:.1f} s")
        if not row.holds:
            break
    row.frames -= sum(each.frames for each in earlier)
    row.parked -= sum(len(each.parked) for each in earlier)
    return row


def run_random(minutes: float, seed: int, folder: Path) -> list[Row]:
    """Faults at random, up to three at a time, for so many minutes; drained and checked after each bunch."""
    row, rng = Row(RANDOM, seed), random.Random(f"{seed} random")
    choice = [fault for fault in FAULTS if can_mount() or fault.name not in DISK_FAULTS]
    with running_site(folder) as site:
        wait_for_labels(site)
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end and row.holds:
            bunch = _compatible(rng.sample(choice, rng.randint(1, 4)))
            names = " + ".join(fault.name for fault in bunch)
            _strike(site, row, bunch, rng)
            print(f"{RANDOM}: {row.rounds}, drained in {row.drains[-1]:.1f} s after {names}")
    return [row]


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """A site with a device of each kind: a frame or four in a ciphertext, all or latest, its keys or its site's."""
    one, four = small_model(), small_model(frames_per_ciphertext=4)
    site = Site(
        folder,
        [
            _device(folder, "cam-all", one, rate=1.5),
            _device(folder, "cam-burst", four, rate=3),
            _device(folder, "cam-latest", one, rate=1.5, policy="latest"),
            _device(folder, "cam-site", one, rate=1, custody="site"),
        ],
    )
    try:
        yield site
    finally:
        site.stop()


def wait_for_labels(site: Site) -> None:
    """Wait until every device has had labels."""
    deadline = time.monotonic() + _FIRST_LABELS_WITHIN
    while not all(len(site.effects(device)) > 2 for device in site.devices.values()):
        if time.monotonic() > deadline:
            logs = "\n".join(f"== {name}\n{one.tail()}" for name, one in site.supervisor.processes.items())
            raise AssertionError(f"not every device got labels within {_FIRST_LABELS_WITHIN:g} s\n{logs}")
        time.sleep(_POLL)


def settle(site: Site, row: Row, parks: set[str], what: str = "") -> None:
    """Wait until all that was accepted is answered, check the history, and add to the row."""
    marks, healed = site.accepted(), time.monotonic()
    while True:
        while site.pending(marks) and time.monotonic() - healed < DRAINED_WITHIN:
            time.sleep(_POLL)
        took = time.monotonic() - healed
        found = site.findings(marks)
        if not any(each.lost for each in found.values()) or took > DRAINED_WITHIN:
            break
        time.sleep(_POLL)  # an answer is written out a moment after it is recorded
    row.rounds += 1
    row.drains.append(took)
    row.frames = sum(each.frames for each in found.values())
    row.lost = sum(len(each.lost) for each in found.values())
    row.duplicate = sum(len(each.duplicate) for each in found.values())
    row.wrong = sum(len(each.wrong) for each in found.values())
    row.disordered = sum(len(each.order) for each in found.values())
    parked = {job: end for each in found.values() for job, end in each.parked.items()}
    site.may_park |= parks  # what an earlier round parked is still there
    unexpected = [f"{job} {end}" for job, end in parked.items() if end.removeprefix("parked: ") not in site.may_park]
    row.parked = len(parked)
    unexpected += [f"{device}: {problem}" for device, each in found.items() for problem in each.all()]
    row.problems += [f"round {row.rounds} {what}: {problem}" for problem in unexpected]


def _compatible(faults: Sequence[Fault]) -> list[Fault]:
    """Those that touch nothing an earlier one touches."""
    chosen: list[Fault] = []
    for fault in faults:
        if all(fault.touches.isdisjoint(other.touches) for other in chosen):
            chosen.append(fault)
    return chosen[:3]


def _strike(site: Site, row: Row, faults: Sequence[Fault], rng: random.Random) -> None:
    """Let faults strike, several of them at about the same time, and judge what came of it."""

    def strike(fault: Fault, own: random.Random) -> None:
        try:
            time.sleep(own.uniform(0, 3) if len(faults) > 1 else 0)
            fault.strike(site, own)
        except Exception as error:  # the fault couldn't be done, say because a server doesn't start again
            row.problems.append(f"round {row.rounds + 1}: {fault.name} failed: {error!r}")

    threads = [threading.Thread(target=strike, args=(fault, random.Random(rng.random()))) for fault in faults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    what = " + ".join(fault.name for fault in faults) if len(faults) > 1 else ""
    settle(site, row, {fault.parks for fault in faults if fault.parks}, what)


def _device(
    folder: Path, name: str, model: Model, rate: float, policy: Policy = "all", custody: Custody = "device"
) -> Device:
    return Device(name, model, policy, custody, rate, folder / name)
