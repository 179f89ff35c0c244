"""Devices as the pages show them: from their statuses, and in parts of a long list."""

from bisect import bisect_right
from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import islice
from typing import Literal

from blindsight.web.parts.live import Live
from blindsight.web.parts.paging import newest_first, page_of
from web.site import AlarmView, Condition, DeviceView, Page


def view_of(device: str, live: Live, custody: Literal["device", "site", ""]) -> DeviceView:
    """A device as its status and what came of it say."""
    told = live.status(device)
    limited = live.limited(device)
    if told is None:
        return DeviceView(device, custody=custody, limited=limited)
    status, since = told
    online = status.state == "online"
    return DeviceView(
        device=device,
        online=online,
        since=status.started_at if since is None and online else since,
        accepted=status.accepted,
        answered=status.answered,
        pending=status.pending,
        parked=status.parked,
        dropped=status.dropped,
        alarms=status.alarms,
        limited=limited,
        model=status.model,
        plan=status.plan,
        key_set=status.key_set,
        custody=custody,
        oldest_pending_s=status.oldest_pending_s,
        parked_by_reason=dict(status.parked_by_reason),
    )


def with_alarms(view: DeviceView, live: Live) -> DeviceView:
    """A device whose alarms its console counts, since under a site's custody the device can't."""
    return replace(view, alarms=max(view.alarms, live.alarm_count(view.device)))


def page_of_alarms(live: Live, device: str, cursor: str | None, limit: int) -> Page[AlarmView]:
    """The last alarms of a device, or of all where `device` is empty, the newest first."""
    found = [alarm for alarm in live.alarms() if device in ("", alarm.device)]
    return page_of(sorted(found, key=_alarm_key), _alarm_key, cursor, limit)


def _alarm_key(alarm: AlarmView) -> str:
    return f"{newest_first(round(alarm.recorded_at * 1e6))}/{alarm.device}/{alarm.job}/{alarm.counter:020d}"


def page_of_devices(
    names: Collection[str],
    view: Callable[[str], DeviceView],
    search: str,
    condition: Condition,
    cursor: str | None,
    limit: int,
) -> Page[DeviceView]:
    """A part of the devices in order of their names, which contain `search` in whatever letters, in a condition."""
    wanted, ordered = search.casefold(), sorted(names)
    start = 0 if cursor is None else bisect_right(ordered, cursor)
    behind = (view(name) for name in ordered[start:] if wanted in name.casefold())
    found = list(islice((each for each in behind if _in_condition(each, condition)), limit + 1))
    more = len(found) > limit
    return Page(tuple(found[:limit]), found[limit - 1].device if more else None)


def _in_condition(view: DeviceView, condition: Condition) -> bool:
    match condition:
        case "all":
            return True
        case "online":
            return view.online is True
        case "offline":
            return view.online is False
        case "alarm":
            return view.alarms > 0
        case "parked":
            return bool(view.parked)
        case "limited":
            return view.limited
