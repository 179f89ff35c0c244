"""A device's site: its own labels, where it holds its own keys, and its outbox with the dead letters."""

import threading
import time
from collections.abc import Callable, Sequence

from blindsight.web.parts.devices import page_of_alarms, page_of_devices
from blindsight.web.parts.letters import Letters
from blindsight.web.parts.live import Live, Seen
from blindsight.web.parts.models import read_model
from blindsight.web.parts.shown_settings import settings_in_force
from blindsight.web.parts.stories import Burst, story_of
from blindsight.web.sites.history_site import WithHistory
from common.history.history import History
from common.wire.messages import EncryptedScores, ErrorReply, Receipt
from edge import clock
from edge.labels.results import Result
from edge.outbox.entries import Counts, Pending
from edge.outbox.outbox import FILE as OUTBOX
from edge.service import DeviceAssembly
from edge.settings import DeviceSettings
from web.site import (
    AlarmView,
    Condition,
    DeviceView,
    FleetView,
    FrameStory,
    Kind,
    LabelView,
    ModelView,
    Page,
    SettingView,
)

#: Seconds for which the outbox's numbers are good: many ask for them.
_COUNTS_SECONDS = 0.3


class LiveWatcher:
    """What a device tells whoever looks on, for its site; `device` is its name, which is known before it runs."""

    def __init__(self, live: Live) -> None:
        self.live, self.device = live, ""

    def sent(self, burst: Pending) -> None:
        """Remember its ciphertext, which leaves the outbox with its label."""
        self.live.ciphertexts.keep(self.device, burst.job, burst.ciphertext)

    def refused(self, reply: ErrorReply) -> None:
        """Remember that the device was told to come later."""
        self.live.take_refusal(self.device, reply)

    def answered(self, reply: EncryptedScores | Receipt, results: Sequence[Result]) -> None:
        """Remember its way; and the scores as they came, encrypted."""
        stages = {name: ms / 1000 for name, ms in results[0].stages_ms.items()}
        self.live.take_burst(Seen(time.time(), stages, reply.frames))
        if isinstance(reply, EncryptedScores):
            self.live.take_worker(reply.worker, reply.plan, reply.frames)
            self.live.scores.keep(self.device, reply.job, reply.ciphertext)

    def alarm(self, reply: EncryptedScores, counter: int, expected: str, got: str) -> None:
        """Remember the alarm."""
        self.live.take_alarm(AlarmView(self.device, reply.job, counter, expected, got, reply.worker, time.time()))


class DeviceSite(WithHistory, Letters):
    """What one device knows."""

    kind: Kind = "device"

    def __init__(
        self,
        device: DeviceAssembly,
        history: History,
        settings: DeviceSettings,
        live: Live,
        picture: Callable[[LabelView], bytes | None],
    ) -> None:
        """`picture` gives the picture that the device still has of a frame, as a PNG. Raises `BlindsightError`."""
        WithHistory.__init__(self, history)
        Letters.__init__(self, {device.device: device.state / OUTBOX})
        self.name = device.device
        self._settings, self._live, self._picture = settings, live, picture
        self._agent, self._outbox, self._key_set = device.agent, device.outbox, device.key_set
        self._model = read_model(settings.plan)
        self._counts, self._counted_at, self._counting = device.outbox.counts(), 0.0, threading.Lock()

    def version(self) -> tuple[int, ...]:
        """How often something came, and what is in the outbox."""
        counts = self._now()
        moved = counts.accepted, counts.answered, counts.pending, counts.parked, counts.dropped
        return self._live.version, self._history.version, int(self._agent.connected), *moved

    def devices(self, search: str, condition: Condition, cursor: str | None, limit: int) -> Page[DeviceView]:
        """This one."""
        page = page_of_devices([self.name], self._view, search, condition, cursor, limit)
        return Page(self.cards(page.items), page.next_cursor)

    def device(self, device: str) -> DeviceView | None:
        """This one, by its name."""
        return self.cards([self._view(device)])[0] if device == self.name else None

    def alarms(self, device: str, cursor: str | None, limit: int) -> Page[AlarmView]:
        """The alarms since it was started, the newest first."""
        return page_of_alarms(self._live, device, cursor, limit)

    def fleet(self) -> FleetView:
        """What a device sees of the fleet: those who answer it."""
        ours = self._settings.custody == "device"
        return FleetView(
            devices=1,
            online=int(self._agent.connected),
            workers=self._live.workers({self._model.plan: self._model.model}) if ours else None,
            frames_per_second=self._live.frames_per_second(),
            stages=self._live.stages(),
            key_sets=1,
            problems=tuple(self._agent.problems()),
        )

    def models(self) -> tuple[ModelView, ...]:
        """The plan that its frames are encrypted for."""
        return (self._model,)

    def story(self, device: str, job: str | None) -> FrameStory | None:
        """What each party holds of a burst that is pending, or whose labels are among the last ones."""
        if device != self.name:
            return None
        labels = self.burst_labels(device, job)
        wanted = job if job is not None else labels[0].job if labels else None
        pending = None if wanted is None or labels else self._outbox.get(wanted)
        if not labels and pending is None:
            return None
        ciphertext = self._live.ciphertexts.get(device, str(wanted)) if pending is None else pending.ciphertext
        at = labels[0].at if labels else pending.frames[0].captured_at if pending is not None else 0.0
        return story_of(
            Burst(
                device=device,
                job=str(wanted),
                custody=self._settings.custody,
                labels=[each.label for each in labels],
                at=at,
                size=None,
                picture=self._picture(labels[0]) if labels else None,
                ciphertext=ciphertext,
                scores=self._live.scores.get(device, str(wanted)),
                keeps_frames=self._settings.keep_frames is not None,
            )
        )

    def settings_in_force(self) -> tuple[SettingView, ...]:
        """The device's settings."""
        return settings_in_force(self._settings)

    def _view(self, device: str) -> DeviceView:
        counts, oldest = self._now(), self._outbox.oldest_captured_at()
        return DeviceView(
            device=device,
            online=self._agent.connected,
            accepted=counts.accepted,
            answered=counts.answered,
            pending=counts.pending,
            parked=counts.parked,
            dropped=counts.dropped,
            alarms=counts.alarms,
            limited=self._live.limited(device),
            model=self._model.model,
            plan=self._model.plan,
            key_set=self._key_set,
            custody=self._settings.custody,
            oldest_pending_s=None if oldest is None else round(max(clock.now() - oldest, 0.0), 1),
            parked_by_reason=self._outbox.parked_by_reason() if counts.parked else {},
        )

    def _now(self) -> Counts:
        with self._counting:
            if time.monotonic() - self._counted_at > _COUNTS_SECONDS:
                self._counts, self._counted_at = self._outbox.counts(), time.monotonic()
            return self._counts
