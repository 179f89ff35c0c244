"""A device's site, put together and served while the device runs."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from blindsight.web.parts.live import Live
from blindsight.web.parts.pictures import of_camera, of_kept
from blindsight.web.serving.site import ServedSite
from blindsight.web.settings.device import DeviceWebSettings
from blindsight.web.sites.device_site import DeviceSite, LiveWatcher
from common.history.keeping import Keeper
from edge.service import DeviceAssembly
from edge.watcher import Onlookers
from web.site import LabelView


class DeviceWeb:
    """A device's site: `onlookers` look on from the beginning, and `serving` serves it once there is a device."""

    def __init__(self, settings: DeviceWebSettings) -> None:
        self._settings, self._watcher = settings, LiveWatcher(Live())
        self._served: ServedSite | None = None
        self.onlookers = Onlookers(self._watcher, [self._check])

    @contextmanager
    def serving(self, device: DeviceAssembly) -> Iterator[None]:
        """Serve the site of a device that doesn't run yet. Raises `BlindsightError` naming what can't be used."""
        assert device.history is not None, "somebody looks on"
        self._watcher.device = device.device
        site = DeviceSite(device, device.history, self._settings, self._watcher.live, self._picture)
        keep = self._settings.keep_seconds()
        with ExitStack() as stack:
            stack.enter_context(closing(site))
            self._served = stack.enter_context(ServedSite(site, self._settings, device.state))
            if keep is not None:
                stack.enter_context(closing(Keeper([device.history], keep)))
            yield

    def _check(self) -> str | None:
        return None if self._served is None else self._served.check()

    def _picture(self, label: LabelView) -> bytes | None:
        folder = self._settings.keep_frames
        if folder is None:
            return of_camera(self._settings.camera, label)
        return of_kept(folder if self._settings.identities is None else folder / self._watcher.device, label)
