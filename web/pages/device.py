"""Device: its history, its readings, its dead letters, and what it is; a view of the page for each."""

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from web.dependencies import CurrentViewer, SeenSite
from web.errors import NotFoundError
from web.pages.lists import listed
from web.pages.stretch import SECONDS, Range, stretch
from web.rendering.environment import hues, page
from web.rendering.texts import address
from web.site import DeviceView, LabelFilter, ReadingFilter, Site

router = APIRouter(include_in_schema=False)
View = Literal["history", "readings", "letters", "about"]
State = Literal["", "good", "corrected", "uncertain", "reset"]
Text = Annotated[str, Query(max_length=1000)]
#: Rows of a table on one page.
ROWS = 50
#: Known answers that are shown of a device.
_ALARMS = 20


@router.get("/device")
def device(
    request: Request,
    viewer: CurrentViewer,
    site: SeenSite,
    name: Text,
    view: View | None = None,
    label: Text = "",
    group: Text = "",
    region: Text = "",
    reading: Text = "",
    state: State = "",
    range_: Annotated[Range, Query(alias="range")] = "",
    from_: Annotated[str, Query(alias="from", max_length=40)] = "",
    to: Annotated[str, Query(max_length=40)] = "",
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> Response:
    """One device. The fields of the address are those of the filters."""
    seen = site.device(name)
    if seen is None:
        raise NotFoundError("There is no device of this name, or not one that you may see.")
    first: View = "about" if site.kind == "fleet" else "readings" if seen.readings else "history"
    view = view or first
    shown = stretch(range_ or ("" if from_ or to else _usual(site, name)), from_, to)
    values: dict[str, Any] = {"device": seen, "view": view, "shown": shown, "ranges_": list(SECONDS)}
    if view == "history":
        wanted = LabelFilter(name, label, group, region, shown.start, shown.end)
        values |= _history(site, seen, wanted)
        values["labels"] = listed(request, viewer, cursor, lambda at: site.labels(wanted, at, ROWS))
    elif view == "readings":
        names = [each.name for each in seen.readings]
        chosen = ReadingFilter(name, reading or next(iter(names), ""), state, shown.start, shown.end)
        values |= {"names": names, **_readings(chosen)}
        values["readings"] = listed(request, viewer, cursor, lambda at: site.readings(chosen, at, ROWS))
    elif view == "letters":
        values["letters"] = listed(request, viewer, cursor, lambda at: site.dead_letters(name, at, ROWS))
    else:
        values["alarms"] = site.alarms(name, None, _ALARMS).items
    return page(request, f"device/{view}.html", viewer, site, hue=hues(site), **values)


def _usual(site: Site, device: str) -> Range:
    """The range of a page on which nobody chose one: a day, or the hour in which all of a device's labels are."""
    earlier = LabelFilter(device, end=time.time() - SECONDS["hour"])
    return "day" if site.labels(earlier, None, 1).items else "hour"


def _history(site: Site, seen: DeviceView, wanted: LabelFilter) -> dict[str, Any]:
    """A filter of labels, what asks the same elsewhere, and the labels that the device's plan knows."""
    asked = {name: getattr(wanted, name) for name in ("device", "label", "group", "region", "start", "end")}
    return {
        "wanted": wanted,
        "kept": {"label": wanted.label, "group": wanted.group, "region": wanted.region},
        "known": next((model.labels for model in site.models() if model.plan == seen.plan), ()),
        "plot_url": address("/api/v1/labels/plot", **asked),
        "export": ("/api/v1/exports/labels", asked),
    }


def _readings(wanted: ReadingFilter) -> dict[str, Any]:
    """A filter of readings, and what asks the same elsewhere."""
    asked = {name: getattr(wanted, name) for name in ("device", "name", "state", "start", "end")}
    return {
        "wanted": wanted,
        "kept": {"reading": wanted.name, "state": wanted.state},
        "plot_url": address("/api/v1/readings/plot", **{**asked, "state": None}),
        "export": ("/api/v1/exports/readings", asked),
    }
