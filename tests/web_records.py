"""What a site in memory has: devices, labels, readings, dead letters, alarms; and how tests add to these."""

import hashlib
import math
import random
import threading
import time
from collections import Counter
from dataclasses import replace

from tests.web_parts import DIGITS, SCENES
from web.site import (
    AlarmView,
    DeadLetterView,
    DeviceView,
    Kind,
    LabelView,
    ReadingView,
)

#: Names of the first devices; further ones are numbered.
NAMES = ("door-north", "door-south", "garage", "garden", "hall", "loading-bay", "meter-water", "yard-east", "yard-west")
#: Seconds between a device's labels.
INTERVAL = 60.0
DEAD_LETTERS = 3


class Records:
    """So many devices, over which labels are spread, the newest at `now`; devices named meter-… read a meter."""

    def __init__(
        self, devices: int = 9, labels: int = 5_000, *, kind: Kind = "console", now: float | None = None, seed: int = 1
    ) -> None:
        self.kind: Kind = kind
        self.name = "north-site"
        self.now = time.time() if now is None else now
        self.labels_of: dict[str, list[LabelView]] = {}
        self.readings_of: dict[str, list[ReadingView]] = {}
        self.letters_of: dict[str, list[DeadLetterView]] = {}
        self.alarms_made: list[AlarmView] = []
        self.retried: list[str] = []
        self.dropped: list[str] = []
        self.views: dict[str, DeviceView] = {}
        self.lock = threading.RLock()
        self.changes = 0
        self._random = random.Random(seed)
        names = [*NAMES[:devices], *(f"cam-{index:04d}" for index in range(len(NAMES), devices))]
        for index, name in enumerate(names):
            self._make_device(name, index, labels // len(names))
        self.fail: Exception | None = None

    def _make_device(self, name: str, index: int, labels: int) -> None:
        meter = name.startswith("meter-")
        model = DIGITS if meter or index % 4 == 1 else SCENES
        self.add_device(
            DeviceView(
                name,
                online=index % 7 != 4,
                since=self.now - 3600 * (index % 30 + 1),
                accepted=labels + 3,
                answered=labels,
                pending=index % 3,
                parked=0,
                dropped=index % 2,
                limited=index % 11 == 5,
                model=model.model,
                plan=model.plan,
                key_set=hashlib.sha256(name.encode()).hexdigest(),
                custody="device" if self.kind == "device" else "site",
                oldest_pending_s=42.0 if index % 3 else None,
            )
        )
        weights = [0.62, 0.2, 0.1, 0.05, *[0.03 / max(1, len(model.labels) - 4)] * (len(model.labels) - 4)]
        chosen = self._random.choices(model.labels, weights, k=labels)
        for at, label in zip(self._times(labels, index), chosen, strict=True):
            self._add(name, label, at)
        if meter:
            for age in range(min(labels, 3000) - 1, -1, -1):
                self.add_reading(name, value=f"{1423.5 + (3000 - age) * 0.013:.3f}", at=self.now - age * INTERVAL)
        if index % 5 == 2:
            for number in range(DEAD_LETTERS):
                self.add_dead_letter(name, number)
        if index % 8 == 3:
            self.add_alarm(name)

    def _times(self, labels: int, index: int) -> list[float]:
        """When a device's frames were taken: more by day than by night, the newest shortly before now."""
        at, made = self.now - 2 - index * 3 % 50, []
        for _ in range(labels):
            made.append(at)
            busy = 0.15 + (1 + math.sin((at + index * 2000) / 86_400 * 2 * math.pi)) ** 2
            at -= self._random.expovariate(1 / INTERVAL) / busy * 1.4
        return made[::-1]

    def add_device(self, view: DeviceView) -> None:
        """A further device, without labels, or another state of one."""
        with self.lock:
            self.views[view.device] = view
            self.labels_of.setdefault(view.device, [])
            self.readings_of.setdefault(view.device, [])
            self.letters_of.setdefault(view.device, [])
            self.changes += 1

    def remove_device(self, device: str) -> None:
        """As if nobody had heard of it."""
        with self.lock:
            del self.views[device]
            self.changes += 1

    def add_label(
        self, device: str, label: str, at: float | None = None, group: str = "", region: str = ""
    ) -> LabelView:
        """A new label of a device."""
        with self.lock:
            return self._add(device, label, time.time() if at is None else at, group, region)

    def _add(self, device: str, label: str, at: float, group: str = "", region: str = "") -> LabelView:
        earlier = self.labels_of[device]
        job = _job(device, len(earlier), at)
        made = LabelView(device, job, len(earlier), label, at, at + 1.4, group, region, "cam0")
        earlier.append(made)
        self.changes += 1
        return made

    def add_reading(self, device: str, value: str, at: float | None = None, state: str = "") -> None:
        """A new reading of a device's meter; its state is that of its number where none is given."""
        with self.lock:
            when, number = time.time() if at is None else at, len(self.readings_of[device])
            made = ReadingView(
                device, "water", _job(device, number, when), when, when + 1.5, "good", value, "m³", 0.991, ""
            )
            if state == "corrected" or (not state and number % 40 == 17):
                made = replace(made, state="corrected", probability=0.83, why="the wheel of hundredths read 8, not 3")
            if state == "uncertain" or (not state and number % 90 == 55):
                made = replace(
                    made, state="uncertain", value=None, probability=0.4, why="two wheels were between digits"
                )
            self.readings_of[device].append(made)
            self.changes += 1

    def add_dead_letter(self, device: str, number: int) -> None:
        """A further dead letter of a device."""
        with self.lock:
            at = self.now - 3600 * (number + 1)
            reason, detail = (
                ("deadline", "no worker answered within 600 s"),
                ("refused", "the plan isn't served any more"),
                ("key", "the bridge doesn't hold this key set"),
            )[number % 3]
            view = self.views[device]
            letters = self.letters_of[device]
            letters.append(
                DeadLetterView(
                    device, _job(device, 90_000 + number, at), 90_000 + number, (at - 600, at - 599), reason, detail,
                    at, 3 + number, number % 2, view.key_set, view.plan, 135_482,
                )
            )  # fmt: skip
            self.count_letters(device)

    def add_alarm(self, device: str) -> None:
        """A known answer that came back wrong."""
        with self.lock:
            at = self.now - 5400
            self.alarms_made.append(AlarmView(device, _job(device, 80_000, at), 80_000, "7", "1", "worker-b", at))
            self.views[device] = replace(self.views[device], alarms=self.views[device].alarms + 1)
            self.changes += 1

    def count_letters(self, device: str) -> None:
        """Note how many dead letters a device has."""
        reasons = Counter(letter.reason for letter in self.letters_of[device])
        parked = sum(reasons.values())
        self.views[device] = replace(self.views[device], parked=parked, parked_by_reason=dict(reasons))
        self.changes += 1


def _job(device: str, number: int, at: float) -> str:
    """A job id as devices give it: milliseconds, and 16 digits."""
    return f"{int(at * 1000)}-{hashlib.sha256(f'{device} {number}'.encode()).hexdigest()[:16]}"
