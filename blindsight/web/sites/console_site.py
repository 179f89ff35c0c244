"""A console's site: labels of all devices of the site. The dead letters are on the devices."""

import time
from collections.abc import Callable, Sequence

from blindsight.web.parts.devices import page_of_alarms, page_of_devices, view_of, with_alarms
from blindsight.web.parts.letters import NoDeadLetters
from blindsight.web.parts.live import Live, Seen
from blindsight.web.parts.shown_settings import settings_in_force
from blindsight.web.parts.stories import Burst, story_of
from blindsight.web.sites.history_site import WithHistory
from common.history.history import History
from common.wire.messages import EncryptedScores, ErrorReply, Receipt, fleet_stages
from common.wire.status import Status
from console.outputs import QuietOutput
from console.record.record import Check, Record
from console.settings import ConsoleSettings
from web.site import (
    AlarmView,
    Condition,
    DeviceView,
    FleetView,
    FrameStory,
    Kind,
    ModelView,
    Page,
    SettingView,
)

#: Bursts and alarms of the record with which a site begins, at most.
_FROM_RECORD = 500


class LiveOutput(QuietOutput):
    """What a console shows, for its site."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def burst(self, device: str, reply: EncryptedScores, receipt: Receipt) -> None:
        """Remember its way, and the scores as they came: encrypted."""
        self._live.scores.keep(device, reply.job, reply.ciphertext)
        self._live.take_worker(reply.worker, reply.plan, reply.frames)
        self._live.take_burst(_seen(receipt))

    def refused(self, device: str, reply: ErrorReply) -> None:
        """Remember who is told to come later."""
        self._live.take_refusal(device, reply)

    def alarm(self, check: Check) -> None:
        """Remember the alarm."""
        self._live.take_alarm(_alarm(check, time.time()))

    def status(self, device: str, status: Status) -> None:
        """Remember the status."""
        self._live.take_status(device, status)


def live_of(record: Record) -> Live:
    """What a record tells of what passed before the console was started. Raises `RecordError`."""
    live = Live()
    for receipt in record.last_bursts(_FROM_RECORD):
        live.take_burst(_seen(receipt))
    for check, recorded_at in record.last_alarms(_FROM_RECORD):
        live.take_alarm(_alarm(check, recorded_at))
    return live


def _seen(receipt: Receipt) -> Seen:
    stages = {
        **fleet_stages(receipt),
        "downlink": receipt.arrived_at - receipt.finished_at,
        "decrypt": receipt.recorded_at - receipt.arrived_at,
    }
    return Seen(receipt.recorded_at, stages, receipt.frames)


def _alarm(check: Check, at: float) -> AlarmView:
    return AlarmView(check.device, check.job, check.counter, check.expected, check.got, check.worker, at)


class ConsoleSite(WithHistory, NoDeadLetters):
    """What the holder of a site's key set knows."""

    kind: Kind = "console"

    def __init__(
        self,
        settings: ConsoleSettings,
        live: Live,
        history: History,
        models: Sequence[ModelView],
        problems: Callable[[], list[str]],
    ) -> None:
        super().__init__(history)
        self.name = "console"
        self._settings, self._live, self._models, self._problems = settings, live, tuple(models), problems

    def version(self) -> tuple[int, ...]:
        """How often something came, and was added to the history."""
        return self._live.version, self._history.version

    def devices(self, search: str, condition: Condition, cursor: str | None, limit: int) -> Page[DeviceView]:
        """Devices that told their status, or have labels."""
        names = {*self._live.devices(), *self._history.devices()}
        page = page_of_devices(names, self._view, search, condition, cursor, limit)
        return Page(self.cards(page.items), page.next_cursor)

    def device(self, device: str) -> DeviceView | None:
        """One of them."""
        (view,) = self.cards([self._view(device)])
        known = self._live.status(device) is not None or view.last is not None or view.readings
        return view if known else None

    def _view(self, device: str) -> DeviceView:
        return with_alarms(view_of(device, self._live, "site"), self._live)

    def alarms(self, device: str, cursor: str | None, limit: int) -> Page[AlarmView]:
        """The last alarms, the newest first."""
        return page_of_alarms(self._live, device, cursor, limit)

    def fleet(self) -> FleetView:
        """What a console sees of the fleet: those who send, and those who answer."""
        told = [told[0] for name in self._live.devices() if (told := self._live.status(name)) is not None]
        return FleetView(
            devices=len({*self._live.devices(), *self._history.devices()}),
            online=sum(status.state == "online" for status in told),
            workers=self._live.workers({model.plan: model.model for model in self._models}),
            frames_per_second=self._live.frames_per_second(),
            stages=self._live.stages(),
            key_sets=1,
            problems=tuple(self._problems()),
        )

    def models(self) -> tuple[ModelView, ...]:
        """The plans whose labels are read."""
        return self._models

    def story(self, device: str, job: str | None) -> FrameStory | None:
        """What each party holds of a burst whose labels are among the device's last ones."""
        labels = self.burst_labels(device, job)
        if not labels:
            return None
        first, view = labels[0], self._view(device)
        sizes = {model.plan: model.upload_bytes for model in self._models}
        told = self._live.status(device)
        return story_of(
            Burst(
                device=device,
                job=first.job,
                custody="site",
                labels=[each.label for each in labels],
                at=first.at,
                size=sizes.get(view.plan),
                keeps_frames=told is not None and told[0].keeps_frames,
                scores=self._live.scores.get(device, first.job),
            )
        )

    def settings_in_force(self) -> tuple[SettingView, ...]:
        """The console's settings."""
        return settings_in_force(self._settings)
