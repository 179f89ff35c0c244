"""A site as one viewer may see it: other devices are as if they weren't there.

It filters what the site itself gives, and trusts none of its filters for that: a site that forgot one would else tell.
Long lists are looked through in pieces, up to a bound; a page may therefore be short, or even empty, and still have a
cursor of what follows.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

from web.access.viewer import Viewer
from web.label_sums import added
from web.site import (
    AlarmView,
    Condition,
    DeadLetterView,
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
    Site,
)

#: Items that are looked at in one piece, and pieces for one page at most.
_PIECE, _MOST_PIECES = 500, 40
#: Views of a site whose versions are remembered.
_MOST_VERSIONS = 64


#: The version of a site, and what it was of some of its devices.
_Version = tuple[tuple[int, ...], tuple[int, ...]]


class _OfDevice(Protocol):
    @property
    def device(self) -> str: ...


T = TypeVar("T", bound=_OfDevice)


def seen(site: Site, viewer: Viewer) -> Site:
    """The site itself for whoever may see all devices, else a view of it."""
    return site if viewer.devices is None else RestrictedSite(site, viewer.devices)


class RestrictedSite:
    """A site without all devices but some. Nobody who sees it changes anything."""

    def __init__(self, site: Site, devices: frozenset[str]) -> None:
        self._site, self._devices = site, devices
        self.kind: Kind = site.kind
        self.name = site.name

    def version(self) -> tuple[int, ...]:
        """Changes when one of these devices has changed, and not with the others, whose hours it would tell."""
        return _versions.version(self._site, self._devices)

    def devices(self, search: str, condition: Condition, cursor: str | None, limit: int) -> Page[DeviceView]:
        """As `Site`; the cursor is the last device's name."""
        found: list[DeviceView] = []
        for name in sorted(self._devices):
            if (cursor is not None and name <= cursor) or search.casefold() not in name.casefold():
                continue
            view = self._site.device(name)
            if view is None or not meets(view, condition):
                continue
            if len(found) == limit:
                return Page(tuple(found), found[-1].device)
            found.append(view)
        return Page(tuple(found))

    def device(self, device: str) -> DeviceView | None:
        """As `Site`."""
        return self._site.device(device) if device in self._devices else None

    def labels(self, wanted: LabelFilter, cursor: str | None, limit: int) -> Page[LabelView]:
        """As `Site`."""
        if self._hides(wanted.device):
            return Page(())
        narrow = replace(wanted, device=self._only(wanted.device))
        return self._some(lambda at, most: self._site.labels(narrow, at, most), cursor, limit)

    def label_plot(self, wanted: LabelFilter, points: int) -> LabelPlot:
        """As `Site`: the sum of the plots of each device."""
        devices = [wanted.device] if wanted.device else sorted(self._devices)
        plots = [
            self._site.label_plot(replace(wanted, device=each), points) for each in devices if not self._hides(each)
        ]
        return added(plots, points)

    def readings(self, wanted: ReadingFilter, cursor: str | None, limit: int) -> Page[ReadingView]:
        """As `Site`."""
        if self._hides(wanted.device):
            return Page(())
        narrow = replace(wanted, device=self._only(wanted.device))
        return self._some(lambda at, most: self._site.readings(narrow, at, most), cursor, limit)

    def reading_plot(self, wanted: ReadingFilter, points: int) -> ReadingPlot:
        """As `Site`."""
        device = self._only(wanted.device)
        if device not in self._devices:
            return ReadingPlot(60.0, wanted.name, "", ())
        return self._site.reading_plot(replace(wanted, device=device), points)

    def all_labels(self, wanted: LabelFilter) -> Iterator[LabelView]:
        """As `Site`."""
        if not self._hides(wanted.device):
            yield from self._own(self._site.all_labels(replace(wanted, device=self._only(wanted.device))))

    def all_readings(self, wanted: ReadingFilter) -> Iterator[ReadingView]:
        """As `Site`."""
        if not self._hides(wanted.device):
            yield from self._own(self._site.all_readings(replace(wanted, device=self._only(wanted.device))))

    def alarms(self, device: str, cursor: str | None, limit: int) -> Page[AlarmView]:
        """As `Site`."""
        if self._hides(device):
            return Page(())
        only = self._only(device)
        return self._some(lambda at, most: self._site.alarms(only, at, most), cursor, limit)

    def dead_letters(self, device: str, cursor: str | None, limit: int) -> Page[DeadLetterView]:
        """As `Site`."""
        if self._hides(device):
            return Page(())
        only = self._only(device)
        return self._some(lambda at, most: self._site.dead_letters(only, at, most), cursor, limit)

    def retry(self, device: str, jobs: Sequence[str]) -> int:
        """Nothing is changed."""
        return 0

    def drop(self, device: str, jobs: Sequence[str]) -> int:
        """Nothing is changed."""
        return 0

    def export_dead_letters(self, device: str, jobs: Sequence[str]) -> Iterator[bytes]:
        """Nothing is exported."""
        return iter(())

    def fleet(self) -> FleetView:
        """As `Site`, counting these devices, and without the others' queues."""
        whole = self._site.fleet()
        views = [view for name in self._devices if (view := self._site.device(name)) is not None]
        queues = (
            None
            if whole.queues is None
            else {name: waiting for name, waiting in whole.queues.items() if name in self._devices}
        )
        return replace(
            whole, devices=len(views), online=sum(view.online is True for view in views), queues=queues, key_sets=None
        )

    def models(self) -> tuple[ModelView, ...]:
        """As `Site`."""
        return self._site.models()

    def story(self, device: str, job: str | None) -> FrameStory | None:
        """As `Site`."""
        return self._site.story(device, job) if device in self._devices else None

    def settings_in_force(self) -> tuple[SettingView, ...]:
        """None: they are about the site, and may name devices."""
        return ()

    def _hides(self, device: str) -> bool:
        return device != "" and device not in self._devices

    def _only(self, device: str) -> str:
        """The device that a filter names, or the only one that there is."""
        return next(iter(self._devices)) if device == "" and len(self._devices) == 1 else device

    def _own(self, items: Iterator[T]) -> Iterator[T]:
        return (item for item in items if item.device in self._devices)

    def _some(self, ask: Callable[[str | None, int], Page[T]], cursor: str | None, limit: int) -> Page[T]:
        found: list[T] = []
        for _ in range(_MOST_PIECES):
            wanted = limit - len(found)
            piece = ask(cursor, max(_PIECE, wanted))
            places = [place for place, item in enumerate(piece.items) if item.device in self._devices]
            if len(places) > wanted:  # ask again for as many as end with the last one, since only that gives its cursor
                piece = ask(cursor, places[wanted - 1] + 1)
            found += [item for item in piece.items if item.device in self._devices][:wanted]
            cursor = piece.next_cursor
            if cursor is None or len(found) == limit:
                break
        return Page(tuple(found), cursor)


def meets(view: DeviceView, condition: Condition) -> bool:
    """Whether a device is in a condition."""
    return {
        "all": True,
        "online": view.online is True,
        "offline": view.online is False,
        "alarm": view.alarms > 0,
        "parked": bool(view.parked),
        "limited": view.limited,
    }[condition]


class _Versions:
    """Versions of some devices of a site, worked out anew only when the site's own has changed."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Site, OrderedDict[frozenset[str], _Version]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def version(self, site: Site, devices: frozenset[str]) -> tuple[int, ...]:
        now = site.version()
        with self._lock:
            known = self._known.setdefault(site, OrderedDict()).get(devices)
        if known is not None and known[0] == now:
            return known[1]
        digest = hashlib.sha256()
        for name in sorted(devices):
            view = site.device(name)
            if view is not None:  # without what changes with the hour, or others' changes would have it told
                view = replace(view, spark=(), oldest_pending_s=None)
            digest.update(repr(view).encode(errors="replace"))
        own = (int.from_bytes(digest.digest()[:8]),)
        with self._lock:
            versions = self._known[site]
            versions[devices] = now, own
            versions.move_to_end(devices)
            if len(versions) > _MOST_VERSIONS:
                versions.popitem(last=False)
        return own


_versions = _Versions()
