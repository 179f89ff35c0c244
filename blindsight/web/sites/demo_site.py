"""The site of a demo: its devices, whoever holds their keys, and its fleet, as one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from blindsight.web.parts.devices import page_of_devices, view_of
from blindsight.web.parts.letters import Letters
from blindsight.web.parts.live import Live
from blindsight.web.parts.pictures import of_folder
from blindsight.web.parts.stories import Burst, story_of
from blindsight.web.sites.fleet_site import FleetWatch
from blindsight.web.sites.history_site import WithHistory
from common.history.history import History
from common.wire.messages import Custody
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


class Tap(Protocol):
    """What the broker saw pass of each device."""

    def ciphertexts(self, device: str) -> Mapping[str, bytes]:
        """The ciphertexts of a device's last bursts, by job."""


class DemoSite(WithHistory, Letters):
    """What all parties of a demo know together: no real party sees as much."""

    kind: Kind = "console"

    def __init__(
        self,
        cameras: Mapping[str, Path],
        outboxes: Mapping[str, Path],
        custody: Custody,
        options: Mapping[str, str],
        model: ModelView,
        live: Live,
        watch: FleetWatch,
        history: History,
        tap: Tap,
    ) -> None:
        """The devices are those of `cameras`, which names the folder of the pictures of each."""
        WithHistory.__init__(self, history)
        Letters.__init__(self, outboxes)
        self.name = "demo"
        self._cameras, self._custody, self._options, self._model = dict(cameras), custody, dict(options), model
        self._live, self._watch, self._tap = live, watch, tap

    def version(self) -> tuple[int, ...]:
        """How often something came."""
        return self._live.version, self._watch.live.version, self._history.version

    def devices(self, search: str, condition: Condition, cursor: str | None, limit: int) -> Page[DeviceView]:
        """The demo's devices."""
        page = page_of_devices(self._cameras, self._view, search, condition, cursor, limit)
        return Page(self.cards(page.items), page.next_cursor)

    def device(self, device: str) -> DeviceView | None:
        """One of them."""
        return self.cards([self._view(device)])[0] if device in self._cameras else None

    def _view(self, device: str) -> DeviceView:
        return view_of(device, self._watch.live, self._custody)

    def alarms(self, device: str, cursor: str | None, limit: int) -> Page[AlarmView]:
        """None: a demo has no known answers."""
        return Page(())

    def fleet(self) -> FleetView:
        """As it was seen a moment ago, with the times that its devices tell."""
        return replace(self._watch.fleet, devices=len(self._cameras), stages=self._live.stages())

    def models(self) -> tuple[ModelView, ...]:
        """The demo's plan."""
        return (self._model,)

    def story(self, device: str, job: str | None) -> FrameStory | None:
        """What each party holds of a burst: of the last one that the broker saw and that has its labels."""
        if device not in self._cameras:
            return None
        seen = self._tap.ciphertexts(device)
        labels = self.burst_labels(device, job)
        if not labels:
            return None
        first = labels[0]
        return story_of(
            Burst(
                device=device,
                job=first.job,
                custody=self._custody,
                labels=[each.label for each in labels],
                at=first.at,
                size=self._model.upload_bytes if self._custody == "site" else None,
                picture=of_folder(self._cameras[device], first),
                ciphertext=seen.get(first.job),
            )
        )

    def settings_in_force(self) -> tuple[SettingView, ...]:
        """The demo's options."""
        return tuple(SettingView("Demo", f"--{name}", value, "") for name, value in self._options.items())
