"""An operator's site: devices, workers and queues, asked from broker and Redis. It has no keys, and so no labels."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from blindsight.measure.site_status import SiteStatus, Snapshot, watch_site
from blindsight.web.parts.devices import page_of_devices, view_of
from blindsight.web.parts.letters import NoDeadLetters
from blindsight.web.parts.live import Live
from blindsight.web.parts.shown_settings import settings_in_force
from common.logs import get_logger
from common.service.settings import RedisSettings
from web.site import (
    AlarmView,
    Condition,
    DeviceView,
    FleetView,
    FrameStory,
    Kind,
    LabelFilter,
    LabelPlot,
    LabelView,
    ModelView,
    Page,
    ReadingFilter,
    ReadingPlot,
    ReadingView,
    SettingView,
    WorkerView,
)

#: Seconds between two looks at Redis.
_LOOK_SECONDS = 1.0
#: Looks over which frames a second are counted.
_LOOKS = 60

log = get_logger(__name__)


class FleetWatch:
    """Looks at the fleet once a second in a thread of its own, while entered; `fleet` is what it saw last."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self.live, self.fleet = Live(), FleetView(0, problems=("the fleet wasn't looked at yet",))
        self._stopping = threading.Event()
        self._answered: deque[tuple[float, int]] = deque(maxlen=_LOOKS)

    @contextmanager
    def running(self) -> Iterator["FleetWatch"]:
        """Look until the end. Raises `BrokerError` when the broker or Redis refuses us."""
        with watch_site(self._settings, self.live.take_refusal) as site:
            thread = threading.Thread(target=self._work, args=(site,), name="fleet", daemon=True)
            thread.start()
            try:
                yield self
            finally:
                self._stopping.set()
                thread.join()

    def _work(self, site: SiteStatus) -> None:
        while not self._stopping.is_set():
            try:
                self._look(site)
            except Exception as error:  # what it may be, the next look may go well
                log.warning("the fleet can't be looked at; trying again", reason=type(error).__name__)
            self._stopping.wait(_LOOK_SECONDS)

    def _look(self, site: SiteStatus) -> None:
        snapshot = site.snapshot()
        for device, status in snapshot.devices.items():
            told = self.live.status(device)
            if told is None or told[0] != status:
                self.live.take_status(device, status)
        for device in set(self.live.devices()) - snapshot.devices.keys():
            self.live.forget(device)
        fleet = self._view(snapshot, site)
        if fleet != self.fleet:
            self.fleet = fleet
            self.live.touch()

    def _view(self, snapshot: Snapshot, site: SiteStatus) -> FleetView:
        devices = snapshot.devices.values()
        shares, key_sets = _of_redis(site)
        known = snapshot.queues is not None
        return FleetView(
            devices=len(devices),
            online=sum(status.state == "online" for status in devices),
            workers=_workers(snapshot) if known else None,
            waiting_bursts=None if snapshot.queues is None else snapshot.queues.bursts,
            waiting_bytes=None if snapshot.queues is None else snapshot.queues.bytes,
            queues=shares,
            frames_per_second=self._rate(snapshot) if known else None,
            key_sets=key_sets,
            problems=tuple(snapshot.problems),
        )

    def _rate(self, snapshot: Snapshot) -> float:
        """Frames that the workers answered a second. A worker that ends takes its count along: then it begins anew."""
        now, answered = time.monotonic(), sum(worker.answered for worker in snapshot.workers)
        if self._answered and answered < self._answered[-1][1]:
            self._answered.clear()
        self._answered.append((now, answered))
        before, earlier = self._answered[0]
        return round((answered - earlier) / max(now - before, _LOOK_SECONDS), 2)


def _of_redis(site: SiteStatus) -> tuple[dict[str, int] | None, int | None]:
    try:
        return site.shares(), site.key_sets()
    except redis.RedisError:
        return None, None


def _workers(snapshot: Snapshot) -> tuple[WorkerView, ...]:
    return tuple(
        WorkerView(one.name, dict(one.models), one.concurrency, one.started_at, one.answered)
        for one in snapshot.workers
    )


class NoLabels:
    """What a site without keys says to whoever asks for labels: that there are none."""

    def labels(self, wanted: LabelFilter, cursor: str | None, limit: int) -> Page[LabelView]:
        """None."""
        return Page(())

    def label_plot(self, wanted: LabelFilter, points: int) -> LabelPlot:
        """An empty one."""
        return LabelPlot(60.0, (), ())

    def readings(self, wanted: ReadingFilter, cursor: str | None, limit: int) -> Page[ReadingView]:
        """None."""
        return Page(())

    def reading_plot(self, wanted: ReadingFilter, points: int) -> ReadingPlot:
        """An empty one."""
        return ReadingPlot(60.0, wanted.name, "", ())

    def all_labels(self, wanted: LabelFilter) -> Iterator[LabelView]:
        """None."""
        return iter(())

    def all_readings(self, wanted: ReadingFilter) -> Iterator[ReadingView]:
        """None."""
        return iter(())

    def alarms(self, device: str, cursor: str | None, limit: int) -> Page[AlarmView]:
        """None: an operator knows how many there are of a device, and not which."""
        return Page(())


class FleetSite(NoLabels, NoDeadLetters):
    """What whoever runs the fleet knows of it."""

    kind: Kind = "fleet"

    def __init__(self, watch: FleetWatch, settings: RedisSettings) -> None:
        self.name = "fleet"
        self._watch, self._settings = watch, settings

    def version(self) -> tuple[int, ...]:
        """How often something came."""
        return (self._watch.live.version,)

    def devices(self, search: str, condition: Condition, cursor: str | None, limit: int) -> Page[DeviceView]:
        """Devices by their statuses."""
        live = self._watch.live
        return page_of_devices(live.devices(), lambda name: view_of(name, live, ""), search, condition, cursor, limit)

    def device(self, device: str) -> DeviceView | None:
        """One of them."""
        live = self._watch.live
        return None if live.status(device) is None else view_of(device, live, "")

    def fleet(self) -> FleetView:
        """As it was seen a moment ago."""
        return self._watch.fleet

    def models(self) -> tuple[ModelView, ...]:
        """None: the plans' files are with the workers; what each serves is in `fleet`."""
        return ()

    def story(self, device: str, job: str | None) -> FrameStory | None:
        """None: no frame is known here."""
        return None

    def settings_in_force(self) -> tuple[SettingView, ...]:
        """Those of `blindsight status`."""
        return settings_in_force(self._settings)
