"""A site on loopback with one honest device, the victim, whose latency is measured beside an attack."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.harness.figures import Figures
from blindsight.demo.processes import Service, start_child
from blindsight.demo.servers import start_servers
from edge.labels.results import Result
from models.plans import get_plan
from models.samples import load_samples
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures

VICTIM, ATTACKER = "victim", "attacker"
#: Seconds in which a fleet labels the victim's first frame, before any attack.
_START_SECONDS = 60.0
#: Seconds in which an attacker has made its material and connected.
_READY_SECONDS = 60.0
#: Seconds that the broker takes to acknowledge a connected bridge's subscriptions.
_SUBSCRIBE_SECONDS = 0.5


@dataclass(frozen=True)
class Effort:
    """How much is measured: the victim's frames, at one a second, and seconds that the last may take."""

    frames: int
    patience: float


@contextmanager
def site(devices: Sequence[str]) -> Iterator[Fleet]:
    """Running servers for these devices on a fresh site, and no service yet; all is stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="blindsight-hostile-") as name:
        folder = Path(name)
        servers = start_servers(folder, devices)
        fleet = make_fleet(servers, folder, get_plan("digits", 128))
        try:
            yield fleet
        finally:
            fleet.services.stop()
            servers.stop()


def start_bridge(fleet: Fleet) -> Service:
    """A bridge that has subscribed, and whose queue holds what the benchmarks send."""
    bridge = fleet.start_bridge("--max-queue", "1000")
    wait_for("the bridge's start", lambda: "bridging" in bridge.tail())
    time.sleep(_SUBSCRIBE_SECONDS)
    return bridge


def measure_victim(attack: str | None, effort: Effort) -> Figures:
    """The victim's latency in ms beside an attack, or alone, on a site of its own."""
    with site([VICTIM, ATTACKER]) as fleet:
        fleet.start_bridge()
        fleet.start_worker()
        pictures = fleet.folder / "pictures"
        write_pictures(pictures, range(len(load_samples("digits").frames)))
        # As long as it is silent a device asks again after 20 s, which is the default.
        fleet.start_device(VICTIM, pictures, "--rate", "1", "--loop", "--retry-after", "20")
        wait_for("the victim's first label", lambda: fleet.results(VICTIM), _START_SECONDS)
        with _attack(fleet, attack, effort) as counts:
            begun = time.time()
            results = _wait_for_labels(fleet, begun, effort)
        ended = sorted(service.name for service in fleet.services.started if not service.running)
        return {**summarise(results, effort), "attack": counts, "ended": ended}


def summarise(results: Sequence[Result], effort: Effort) -> Figures:
    """Percentiles over all frames that were taken: one without a label counts as later than all others."""
    latencies = sorted(result.latency_ms for result in results)
    frames = max(effort.frames, len(latencies))
    return {
        "p50": percentile(latencies, frames, 50),
        "p95": percentile(latencies, frames, 95),
        "labels": len(latencies),
        "frames": frames,
        "evaluate": median(result.stages_ms["evaluate"] for result in results) if results else None,
    }


def percentile(latencies: Sequence[float], frames: int, percent: int) -> float | None:
    """That of so many frames, of which these have a latency (ascending); None where it falls on one without."""
    index = -(-frames * percent // 100) - 1
    return latencies[index] if index < len(latencies) else None


def _wait_for_labels(fleet: Fleet, begun: float, effort: Effort) -> list[Result]:
    """The results of frames captured while it is measured, once all are there or patience ends."""
    until = begun + effort.frames

    def measured() -> list[Result]:
        return [result for result in fleet.results(VICTIM) if begun <= result.captured_at < until]

    while time.time() < until + effort.patience:
        if time.time() > until and len(measured()) >= effort.frames:
            break
        time.sleep(0.2)
    return measured()


@contextmanager
def _attack(fleet: Fleet, name: str | None, effort: Effort) -> Iterator[Figures]:
    """An attack that has begun, in a process of its own; what it counted is there when it has ended."""
    counts: Figures = {}
    if name is None:
        yield counts
        return
    said = fleet.folder / "attack.out"
    command = [sys.executable, "-m", f"benchmarks.hostile.attacks.{name}", "--port", str(fleet.servers.mqtt_port)]
    command += ["--user", ATTACKER, "--password-file", str(fleet.servers.password_file(ATTACKER))]
    command += ["--seconds", str(effort.frames + effort.patience)]
    with said.open("wb") as out:
        process = start_child(command, out)
    try:
        wait_for(f"the attack {name}", lambda: said.read_bytes() or process.poll() is not None, _READY_SECONDS)
        assert process.poll() is None, f"the attack {name} ended at once:\n{said.read_text()}"
        yield counts
    finally:
        counts.update(_end(process, said))


def _end(process: "subprocess.Popen[bytes]", said: Path) -> Figures:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    last = said.read_text().strip().rpartition("\n")[2]
    return dict(json.loads(last)) if last.startswith("{") else {}
