"""A device that was cut off gathers thousands of frames, is killed, starts again and finds its way back."""

import random
import signal
import time
from pathlib import Path

from tests.faults.models import small_model
from tests.faults.rounds import Row, settle, wait_for_labels
from tests.faults.site import Device, Site

NAME = "device restarted with thousands of frames"
#: Frames of a round in a long run; a short one has fewer.
FRAMES, FEW_FRAMES = 2000, 500
_GATHERED_WITHIN = 120.0


def run_backlog(rounds: int, seed: int, folder: Path) -> list[Row]:
    """Rounds of it, on a site with one device and the smallest network."""
    row = Row(NAME, seed)
    device = Device("cam-far", small_model(hidden=False), "all", "device", 1, folder / "cam-far")
    site = Site(folder, [device], small_disks=False)
    try:
        many, few = folder / "many", folder / "few"
        frames = FRAMES if rounds > 1 else FEW_FRAMES
        device.model.write_pictures(many, frames)
        device.model.write_pictures(few, 1)
        wait_for_labels(site)
        for number in range(1, rounds + 1):
            _gather(site, device, many, frames, random.Random(f"{seed} {NAME} {number}"))
            site.start_device(device, few)
            site.links["device-broker"].heal()
            settle(site, row, set())
            print(f"{NAME}: round {number} of {rounds}, drained in {row.drains[-1]:.1f} s")
            if not row.holds:
                break
    finally:
        site.stop()
    return [row]


def _gather(site: Site, device: Device, pictures: Path, frames: int, rng: random.Random) -> None:
    """Cut the device off until it holds its pictures or nearly so, and kill it."""
    site.supervisor.end(device.name)
    link = site.links["device-broker"]
    link.refuse()
    link.reset()
    wanted = site.accepted()[device.name] + frames - rng.randint(0, 50)
    site.start_device(device, pictures)
    deadline = time.monotonic() + _GATHERED_WITHIN
    while site.accepted()[device.name] < wanted:
        assert time.monotonic() < deadline, f"{device.name} is too slow:\n{site.process(device.name).tail()}"
        time.sleep(0.3)
    site.supervisor.end(device.name, signal.SIGKILL)
