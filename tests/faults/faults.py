"""The faults: each does its harm to a running site, undoes it, and returns. What is random comes from `rng`."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from edge.settings import DeviceSettings
from tests.faults.history import read_history
from tests.faults.link import DOWN, UP, Link
from tests.faults.mqtt_link import MqttLink, Tampering
from tests.faults.site import LONGEST, SERVICES, Site

Strike = Callable[[Site, random.Random], None]

MQTT_LINKS = ("device-broker", "bridge-broker", "worker-broker")
LINKS = (*MQTT_LINKS, "bridge-redis", "worker-redis")


#: Seconds: the devices' default.
_DEADLINE = DeviceSettings.model_fields["deadline"].default


@dataclass(frozen=True)
class Fault:
    """`touches` are the parts that no other fault may touch at the same time; `parks` frames for that reason."""

    name: str
    strike: Strike
    touches: frozenset[str]
    parks: str | None = None


def _kill(*names: str) -> Strike:
    def strike(site: Site, rng: random.Random) -> None:
        names_ = names or tuple(site.devices)
        site.process(site.deal(rng, names_)).send(signal.SIGKILL)
        time.sleep(1)  # the supervisor starts it again

    return strike


def _kill_child(site: Site, rng: random.Random) -> None:
    worker = site.process(site.deal(rng, ("worker-1", "worker-2")))
    for child in worker.children():
        _signal(child, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _mine(point: str) -> Strike:
    """A worker dies at a point of its work, which the next frame reaches."""

    def strike(site: Site, rng: random.Random) -> None:
        mine = site.mines / point
        mine.touch()
        deadline = time.monotonic() + 20
        while mine.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not mine.exists(), f"no worker came to {point}"

    return strike


def _poison(site: Site, rng: random.Random) -> None:
    """A frame of a device, not yet captured, will kill every worker that begins with it."""
    device = rng.choice([each for each in site.devices.values() if each.model.plan.head.frames_per_ciphertext == 1])
    counter = site.accepted()[device.name] + 2
    mine = site.mines / f"begun-{device.name}:{counter:08d}"
    mine.touch()
    deadline = time.monotonic() + 50
    while time.monotonic() < deadline and not any(
        event.kind == "parked" and event.counter == counter for event in read_history(device.outbox)
    ):
        time.sleep(0.2)
    mine.unlink()


def _restart(server: str, *forget: str) -> Strike:
    def strike(site: Site, rng: random.Random) -> None:
        site.restart_server(server, rng.uniform(0.2, 2), *forget)

    return strike


def _flush(site: Site, _: random.Random) -> None:
    site.redis().flushall()


def _pause(site: Site, rng: random.Random) -> None:
    """A process stands still for longer than every timeout; a worker's pool process, too."""
    name = site.deal(rng, (*SERVICES, *site.devices, "mqtt", "redis", "worker's child"))
    if name in ("mqtt", "redis"):
        pid = site.server_pid(name)
    elif name == "worker's child":
        children = site.process("worker-1").children()
        pid = children[0] if children else site.process("worker-1").pid
    else:
        pid = site.process(name).pid
    _signal(pid, signal.SIGSTOP)
    time.sleep(LONGEST)
    _signal(pid, signal.SIGCONT)


def _latency(site: Site, rng: random.Random) -> None:
    _on_link(site, site.deal(rng, LINKS), rng.uniform(2, 5), lambda link: link.latency(rng.uniform(0.05, 1), 0.3))


def _bandwidth(site: Site, rng: random.Random) -> None:
    _on_link(site, site.deal(rng, LINKS), rng.uniform(2, 5), lambda link: link.bandwidth(rng.uniform(20_000, 300_000)))


def _reset(site: Site, rng: random.Random) -> None:
    link = site.links[site.deal(rng, LINKS)]
    for _ in range(rng.randint(1, 4)):
        link.reset()
        time.sleep(rng.uniform(0, 1))


def _refuse(site: Site, rng: random.Random) -> None:
    def cut_off(link: Link) -> None:
        link.refuse()
        link.reset()

    _on_link(site, site.deal(rng, LINKS), rng.uniform(1, 5), cut_off)


def _half_open(site: Site, rng: random.Random) -> None:
    name, directions = site.deal(rng, [(name, way) for name in LINKS for way in ((UP,), (DOWN,), (UP, DOWN))])
    _on_link(site, name, LONGEST, lambda link: link.half_open(*directions))


def _cut(site: Site, rng: random.Random) -> None:
    _on_link(site, site.deal(rng, LINKS), rng.uniform(1, 3), lambda link: link.cut_after(rng.randint(1, 400_000)))


def _messages(kind: str) -> Strike:
    """Some of the messages in one direction are tampered with: `kind` names a field of `Tampering`."""

    def strike(site: Site, rng: random.Random) -> None:
        link = site.links[site.deal(rng, MQTT_LINKS)]
        assert isinstance(link, MqttLink)
        anywhere = rng.random() < 0.3
        link.tamper(rng.choice((UP, DOWN)), Tampering(**{kind: rng.uniform(0.1, 0.5)}, anywhere=anywhere))
        time.sleep(rng.uniform(2, 4))
        link.heal()

    return strike


def _on_link(site: Site, name: str, seconds: float, spoil: Callable[[Link], None]) -> None:
    link = site.links[name]
    spoil(link)
    time.sleep(seconds)
    link.heal()


def _full_disk(name: str) -> Strike:
    def strike(site: Site, rng: random.Random) -> None:
        disk = site.disks[name]
        disk.fill()
        try:
            if name == "mqtt":
                _signal(site.server_pid("mqtt"), signal.SIGUSR1)  # save now
            elif name == "redis":
                site.redis().bgsave()
            time.sleep(rng.uniform(1, 3))
            if name != "outbox" and rng.random() < 0.5:
                site.servers.kill(name)
                site.start_server(name)
                time.sleep(1)
        finally:
            disk.free()

    return strike


def _clock(site: Site, rng: random.Random) -> None:
    """The wall clock of every device jumps, by up to two days, and later to where it was.

    A device may start meanwhile, but not with a clock that is wrong by more than its deadline: it couldn't know, and
    would park what it holds.
    """
    for _ in range(rng.randint(1, 2)):
        seconds = rng.choice((5, 600, 7200, 90_000, 172_800))
        site.wall_clock.write_text(str(rng.choice((-1, 1)) * seconds))
        time.sleep(rng.uniform(0.5, 2))
        if seconds < _DEADLINE and rng.random() < 0.5:
            site.process(rng.choice(tuple(site.devices))).send(signal.SIGKILL)
            time.sleep(1.5)
    site.wall_clock.write_text("0")


def _fault(name: str, strike: Strike, *touches: str, parks: str | None = None) -> Fault:
    return Fault(name, strike, frozenset(touches), parks)


FAULTS = (
    _fault("device killed", _kill(), "devices"),
    _fault("bridge killed", _kill("bridge-1", "bridge-2"), "bridges"),
    _fault("worker killed", _kill("worker-1", "worker-2"), "workers"),
    _fault("worker's child killed", _kill_child, "workers"),
    _fault("worker killed between Redis's pop and its record", _mine("popped"), "workers"),
    _fault("worker's child killed in an evaluation", _mine("begun"), "workers"),
    _fault("worker's child killed between label and acknowledgement", _mine("answered"), "workers"),
    _fault("poison frame", _poison, "workers", "devices", "redis", "mqtt", parks="failed"),
    _fault("console killed", _kill("console"), "console"),
    _fault("broker killed", _restart("mqtt"), "mqtt"),
    _fault("broker killed, its persistence lost", _restart("mqtt", "mosquitto.db"), "mqtt"),
    _fault("Redis killed", _restart("redis"), "redis"),
    _fault("Redis killed, its snapshot lost", _restart("redis", "dump.rdb"), "redis"),
    _fault("Redis flushed", _flush, "redis"),
    _fault("process paused", _pause, "devices", "bridges", "workers", "console", "mqtt", "redis"),
    _fault("network slow", _latency, "links"),
    _fault("network narrow", _bandwidth, "links"),
    _fault("connections reset", _reset, "links"),
    _fault("connections refused", _refuse, "links"),
    _fault("connections half-open", _half_open, "links"),
    _fault("connections cut in a message", _cut, "links"),
    _fault("messages duplicated", _messages("duplicate"), "links"),
    _fault("messages reordered", _messages("reorder"), "links"),
    _fault("messages delayed", _messages("delay"), "links"),
    _fault("messages corrupted", _messages("corrupt"), "links"),
    _fault("disk full under the outbox", _full_disk("outbox"), "devices"),
    _fault("disk full under the broker", _full_disk("mqtt"), "mqtt"),
    _fault("disk full under Redis", _full_disk("redis"), "redis"),
    _fault("device's clock jumps", _clock, "devices"),
)
DISK_FAULTS = tuple(fault.name for fault in FAULTS if fault.name.startswith("disk full"))
