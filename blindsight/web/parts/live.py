"""What a running key holder sees pass: statuses, bursts, workers' names, refusals. In memory, and bounded."""

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from blindsight.web.parts.ciphertexts import Ciphertexts
from common.wire.messages import ErrorReply
from common.wire.status import Status
from web.site import AlarmView, StageTime, WorkerView

T = TypeVar("T")

#: Bursts whose times are remembered: the last ones.
_BURSTS = 500
#: Devices and workers that are remembered, each at most: those that were heard of last.
_MOST_DEVICES, _MOST_WORKERS = 10_000, 1000
#: Alarms that are remembered.
_MOST_ALARMS = 1000
#: Seconds over which frames a second are counted.
_RATE_SECONDS = 60.0
#: Seconds for which a device counts as limited after it was told to come later.
_LIMITED_SECONDS = 30.0


@dataclass(frozen=True)
class Seen:
    """A burst that was answered: when (epoch, s), its stages (s), and its frames."""

    at: float
    stages: Mapping[str, float]
    frames: int


@dataclass(frozen=True)
class _Presence:
    """A device's last status, and when it came or went (epoch, s); None where it was so before we were there."""

    status: Status
    since: float | None


@dataclass(frozen=True)
class _Worker:
    """The hashes of the plans that a worker answered for, and its frames."""

    plans: frozenset[str] = frozenset()
    answered: int = 0


@dataclass
class Live:
    """Filled by one thread, and asked by many. `version` counts what came."""

    ciphertexts: Ciphertexts = field(default_factory=Ciphertexts)
    scores: Ciphertexts = field(default_factory=Ciphertexts)
    version: int = 0

    def __post_init__(self) -> None:
        self._turn = threading.Lock()
        self._bursts: deque[Seen] = deque(maxlen=_BURSTS)
        self._presences: OrderedDict[str, _Presence] = OrderedDict()
        self._limited: OrderedDict[str, float] = OrderedDict()
        self._workers: OrderedDict[str, _Worker] = OrderedDict()
        self._alarms: deque[AlarmView] = deque(maxlen=_MOST_ALARMS)
        self._alarm_counts: Counter[str] = Counter()

    def take_status(self, device: str, status: Status) -> None:
        """A device's status has come."""
        with self._turn:
            before = self._presences.get(device)
            since = None if before is None else before.since
            if before is not None and before.status.state != status.state:
                since = time.time()
            _put(self._presences, device, _Presence(status, since), _MOST_DEVICES)
            self.version += 1

    def take_burst(self, seen: Seen) -> None:
        """A burst was answered."""
        with self._turn:
            self._bursts.append(seen)
            self.version += 1

    def take_worker(self, worker: str, plan: str, frames: int) -> None:
        """A worker answered so many frames; nothing proves its name."""
        with self._turn:
            known = self._workers.get(worker, _Worker())
            counted = replace(known, plans=known.plans | {plan}, answered=known.answered + frames)
            _put(self._workers, worker, counted, _MOST_WORKERS)

    def take_refusal(self, device: str, reply: ErrorReply) -> None:
        """A burst has no label yet, or won't have one."""
        if reply.reason == "busy":
            with self._turn:
                _put(self._limited, device, time.monotonic(), _MOST_DEVICES)
                self.version += 1

    def take_alarm(self, alarm: AlarmView) -> None:
        """A known answer came back wrong."""
        with self._turn:
            self._alarms.append(alarm)
            self._alarm_counts[alarm.device] += 1
            self.version += 1

    def touch(self) -> None:
        """Something else has come that pages show."""
        with self._turn:
            self.version += 1

    def status(self, device: str) -> tuple[Status, float | None] | None:
        """A device's last status, and when it came or went (epoch, s)."""
        presence = self._presences.get(device)
        return None if presence is None else (presence.status, presence.since)

    def devices(self) -> list[str]:
        """The devices that told their status."""
        with self._turn:
            return list(self._presences)

    def forget(self, device: str) -> None:
        """A device's status was taken back."""
        with self._turn:
            self._presences.pop(device, None)
            self.version += 1

    def limited(self, device: str) -> bool:
        """Whether a device was told a moment ago to come later."""
        return time.monotonic() - self._limited.get(device, -_LIMITED_SECONDS) < _LIMITED_SECONDS

    def alarms(self) -> list[AlarmView]:
        """The last alarms, the newest first."""
        with self._turn:
            return list(reversed(self._alarms))

    def alarm_count(self, device: str) -> int:
        """How many alarms of a device have come."""
        return self._alarm_counts[device]

    def workers(self, models: Mapping[str, str]) -> tuple[WorkerView, ...]:
        """The workers whose replies were read; `models` are the names of models by their plans' hashes."""
        with self._turn:
            known = sorted(self._workers.items())
        return tuple(
            WorkerView(name, {plan: models.get(plan, "") for plan in sorted(one.plans)}, None, None, one.answered)
            for name, one in known
        )

    def frames_per_second(self) -> float:
        """Frames answered a second, of the last minute, or of the last bursts where there were many."""
        now = time.time()
        with self._turn:
            recent = [burst for burst in self._bursts if 0 <= now - burst.at < _RATE_SECONDS]
        full = len(recent) == _BURSTS
        seconds = max(now - recent[0].at, 1.0) if full else _RATE_SECONDS
        return round(sum(burst.frames for burst in recent) / seconds, 2)

    def stages(self) -> tuple[StageTime, ...]:
        """How long the last bursts spent at each station, in the order of their way."""
        with self._turn:
            bursts = list(self._bursts)
        return stage_times([burst.stages for burst in bursts])


def stage_times(bursts: Sequence[Mapping[str, float]]) -> tuple[StageTime, ...]:
    """The median and 95th percentile of each stage, of bursts' stages in seconds, in the order of the last one's."""
    if not bursts:
        return ()
    times = {name: [burst[name] for burst in bursts if name in burst] for name in bursts[-1]}
    return tuple(
        StageTime(name, *(round(max(float(each), 0.0) * 1000, 1) for each in np.percentile(values, (50, 95))))
        for name, values in times.items()
    )


def _put(known: OrderedDict[str, T], name: str, value: T, most: int) -> None:
    """Note what was heard last; what was heard of the longest ago makes room."""
    known[name] = value
    known.move_to_end(name)
    if len(known) > most:
        known.popitem(last=False)
