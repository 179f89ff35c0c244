"""What one hostile device, or many honest ones, do to a site: a victim's latency beside each attack, and more.

The victim sends one frame a second through real servers, a bridge and a worker; each attack has a fresh site on this
machine's loopback, and valid credentials of another device. A percentile that falls on a frame
without any label is null.
"""

import argparse
import time
from collections.abc import Sequence

from rich.table import Table

from benchmarks import bridge
from benchmarks.harness.figures import Figures
from benchmarks.harness.results import machine
from benchmarks.hostile.attacks.attacker import frame_of, make_material
from benchmarks.hostile.crowd import Crowd, crowd
from benchmarks.hostile.site import Effort, measure_victim, site, start_bridge
from blindsight.command_line.output import console, write_json
from tests.integration.fleet import Fleet

ATTACKS = ("flood", "key_upload", "retained", "bad_keys")
VICTIM_MS = ("idle", *ATTACKS)
NAMES = (*VICTIM_MS, "at_once", "connects", "bridge")
_FULL, _QUICK = Effort(30, 15), Effort(6, 4)
#: Seconds in which frames that come at once reach Redis.
_AT_ONCE_SECONDS = 20.0


def measure_at_once(devices: int) -> int:
    """How many of as many frames, published by as many devices at one moment, reach Redis; no worker takes any."""
    names = [f"cam-{number:04d}" for number in range(devices)]
    material = make_material()
    with site(names) as fleet:
        start_bridge(fleet)
        with crowd(fleet.servers.mqtt_port, names, fleet.servers.password_file) as together:
            together.publish(
                [frame_of(name, 1, material.fingerprint, material.head.hash, material.ciphertext) for name in names]
            )
            together.serve(_AT_ONCE_SECONDS, lambda: _in_redis(fleet) >= devices)
        return _in_redis(fleet)


def _in_redis(fleet: Fleet) -> int:
    return sum(1 for _ in fleet.redis().scan_iter("blindsight:frame:*", count=1000))


def measure_connects(connects: int) -> float:
    """Connections with a password that the broker takes in a second, one after another."""
    with site(["cam"]) as fleet:
        password = fleet.servers.password_file("cam").read_text().strip()
        start = time.monotonic()
        for _ in range(connects):
            alone = Crowd(fleet.servers.mqtt_port)
            alone.connect("cam", password)
            alone.close()
        return connects / (time.monotonic() - start)


def measure(names: Sequence[str], quick: bool) -> Figures:
    """The figures of these names."""
    effort = _QUICK if quick else _FULL
    report: Figures = {"machine": machine(), "quick": quick, "victim_ms": {}}
    for name in names:
        console.print(f"{time.strftime('%H:%M:%S')} {name}")
        if name in VICTIM_MS:
            attack = None if name == "idle" else name
            report["victim_ms"][name] = measure_victim(attack, effort)
        elif name == "at_once":
            report[name] = {str(devices): measure_at_once(devices) for devices in ((100,) if quick else (100, 500))}
        elif name == "connects":
            report["connects_per_s"] = measure_connects(100 if quick else 300)
        else:
            report["bridge_cpu_ms_per_frame"] = bridge.measure(100 if quick else 300)["bridge_cpu_ms_per_frame"]
    return hold_against_idle(report)


def hold_against_idle(report: Figures) -> Figures:
    """The same, with each attack's 95th percentile as a share of what it may be; null where there is none."""
    victims = report["victim_ms"]
    idle = victims.get("idle")
    allowed = None if idle is None or idle["p50"] is None else 3 * idle["p50"] + idle["evaluate"]
    for name in ATTACKS:
        if name in victims:
            late = victims[name]["p95"]
            victims[name]["p95_of_allowed"] = None if allowed is None or late is None else late / allowed
    return report


def table(report: Figures) -> Table:
    """The report for the terminal."""
    shown = Table("figure", "p50", "p95", "labels", "p95 of what it may be")
    for name, victim in report["victim_ms"].items():
        share = victim.get("p95_of_allowed")
        shown.add_row(
            f"victim's latency, {name.replace('_', ' ')}, ms",
            _number(victim["p50"]),
            _number(victim["p95"]),
            f"{victim['labels']} of {victim['frames']}",
            "" if name == "idle" else ("none" if share is None else f"{share:.2f}"),
        )
    for devices, arrived in report.get("at_once", {}).items():
        shown.add_row(f"frames of {devices} at once that reach Redis", str(arrived))
    for name in ("connects_per_s", "bridge_cpu_ms_per_frame"):
        if name in report:
            shown.add_row(name.replace("_", " "), f"{report[name]:,.3g}")
    return shown


def _number(value: float | None) -> str:
    return "no label" if value is None else f"{value:,.0f}"


def main() -> None:
    """Measure, and print the table or write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="fewer frames, connections and devices")
    parser.add_argument("--json", metavar="FILE|-", help="write the figures as JSON")
    options = parser.parse_args()
    report = measure(options.only, options.quick)
    if options.json is not None:
        write_json(report, options.json)
    if options.json != "-":
        console.print(table(report))


if __name__ == "__main__":
    main()
