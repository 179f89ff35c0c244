"""A thousand devices return at once after an outage, in simulated time: no stampede, and nobody starves.

Devices use the schedule and the bridge its turns, both as they are; broker and fleet are a queue.
"""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from broker.flow import ReturnTimes, bound
from common.wire.messages import ErrorReply
from edge.schedule import SPREAD, Schedule

pytestmark = pytest.mark.slow

DEVICES, BURSTS, WINDOW = 1000, 8, 8
#: Bursts that the fleet evaluates in a second, and its bound of those that wait, the bridge's default.
SPEED, MAX_QUEUE = 20.0, 256
BURST_BYTES = 400_000
MAX_BYTES = 105_000_000
PATIENCE = 20.0
IDEAL = DEVICES * BURSTS / SPEED

#: What an outage's end may cost: arrivals in any second, ...
PEAK = 1.5 * DEVICES / SPREAD
#: ... uploads of a burst, on average, ...
UPLOADS = 2.25
#: ... and seconds until the last device has its first label; one each would take 50.
PATIENT = 120.0


class NaiveSchedule(Schedule):
    """As if nobody had thought of others: all at once, the whole window, the same wait each time."""

    def returned(self, now: float) -> None:
        pass

    def sent(self, job: str, now: float) -> float:
        super().sent(job, now)
        self._under_way[job] = now + PATIENCE
        return now + PATIENCE

    def refused(self, reply: ErrorReply, now: float) -> float:
        self._under_way.pop(reply.job, None)
        return now + 1.0


@dataclass
class Device:
    schedule: Schedule
    due: dict[str, float]
    first_answer: float | None = None


@dataclass
class Site:
    """Events in order of time: a device looks at its outbox, the fleet has evaluated a burst."""

    make: Callable[[int, float], Schedule]
    now: float = 0.0
    queue: list[tuple[str, int]] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    arrivals: Counter[int] = field(default_factory=Counter)
    promises: dict[int, float] = field(default_factory=dict)
    most_waiting: int = 0

    def run(self, until: float) -> None:
        self.turns, self.numbers = ReturnTimes(), itertools.count()
        self.devices = [
            Device(self.make(WINDOW, PATIENCE), {f"{number}-{burst}": 0.0 for burst in range(BURSTS)})
            for number in range(DEVICES)
        ]
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        for number, device in enumerate(self.devices):
            device.schedule.returned(0.0)
            self.look(number, after=0.5 * random.random())
        self.at(1 / SPEED, self.evaluate)
        while self.events and self.now < until and len(self.answered) < DEVICES * BURSTS:
            self.now, _, action = heapq.heappop(self.events)
            action()

    def at(self, time: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.events, (time, next(self.numbers), action))

    def look(self, number: int, after: float = 0.5) -> None:
        """As the agent does every half a second."""
        device = self.devices[number]

        def step() -> None:
            room = device.schedule.room(self.now)
            for job in [job for job, due in device.due.items() if due <= self.now][:room]:
                device.due[job] = device.schedule.sent(job, self.now)
                self.arrive(device, number, job)
            if device.due:
                self.look(number)

        self.at(self.now + after, step)

    def arrive(self, device: Device, number: int, job: str) -> None:
        self.arrivals[int(self.now)] += 1
        promised = self.now >= self.promises.get(number, float("inf"))
        if job not in self.waiting and len(self.waiting) >= bound(MAX_QUEUE, promised):
            wait = self.turns.wait(self.now, len(self.answered))
            self.promises[number] = self.now + wait
            device.due[job] = device.schedule.refused(ErrorReply(1, job, "busy", "", wait), self.now)
            return
        if promised:
            del self.promises[number]
        self.waiting.add(job)
        self.queue.append((job, number))
        self.most_waiting = max(self.most_waiting, len(self.waiting))

    def evaluate(self) -> None:
        """One burst is done; one that was answered before costs nothing."""
        while self.queue:
            job, number = self.queue.pop(0)
            device = self.devices[number]
            if job in self.waiting:
                self.waiting.discard(job)
                self.answered.add(job)
                device.due.pop(job)
                device.schedule.answered(job)
                device.first_answer = device.first_answer or self.now
                break
        self.at(self.now + 1 / SPEED, self.evaluate)


def check(site: Site) -> None:
    """What an outage's end may cost."""
    assert len(site.answered) == DEVICES * BURSTS, f"{len(site.answered)} answered within {2 * IDEAL:g} s"
    assert site.most_waiting * BURST_BYTES <= MAX_BYTES
    assert site.now <= 1.1 * IDEAL, f"drained after {site.now:g} s; {IDEAL:g} s if no worker had been idle"
    assert max(site.arrivals.values()) <= PEAK, f"{max(site.arrivals.values())} arrivals in a second"
    assert site.arrivals.total() <= UPLOADS * DEVICES * BURSTS, f"{site.arrivals.total()} uploads"
    firsts = [device.first_answer for device in site.devices]
    assert all(first is not None and first < PATIENT for first in firsts), f"one waited {max(firsts)} s"


@pytest.mark.parametrize("seed", [1, 2])
def test_a_thousand_devices_that_return_at_once_do_not_stampede(seed: int) -> None:
    random.seed(seed)
    site = Site(Schedule)
    site.run(until=2 * IDEAL)
    check(site)


def test_without_a_slow_start_and_jitter_they_would() -> None:
    random.seed(1)
    site = Site(NaiveSchedule)
    site.run(until=2 * IDEAL)
    with pytest.raises(AssertionError, match="arrivals in a second"):
        check(site)
