"""Readings of meters: as pages, as a plot, and as a file."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from web.api.devices import check_device, existing
from web.api.examples import READING_PLOT, READINGS
from web.api.export_files import FILES, Format, export
from web.api.fresh import FRESH
from web.api.paging import paged
from web.api.session import record
from web.api.shapes import (
    ANY,
    ITEMS,
    LENGTH,
    POINTS,
    Cursor,
    End,
    InOrder,
    Items,
    Limit,
    OfDevice,
    Points,
    Start,
    Text,
)
from web.api.streams import Download
from web.dependencies import CurrentViewer, SeenSite
from web.site import ReadingFilter, ReadingPlot, ReadingView

router = APIRouter(tags=["readings"])
State = Annotated[
    Literal["", "good", "corrected", "uncertain", "reset"], Query(description="Only readings of this state.")
]
DeviceOfPlot = Annotated[str, Query(min_length=1, max_length=LENGTH, pattern=ANY, description="The device's id.")]
NameOfPlot = Annotated[str, Query(min_length=1, max_length=LENGTH, pattern=ANY, description="The reading's name.")]


def _wanted(
    site: SeenSite,
    device: OfDevice = "",
    name: Text = "",
    state: State = "",
    start: Start = None,
    end: End = None,
    order: InOrder = "newest",
) -> ReadingFilter:
    """Which readings are asked for. Raises `NotFoundError` for a device that isn't there."""
    check_device(site, device)
    return ReadingFilter(device, name, state, start, end, order)


Wanted = Annotated[ReadingFilter, Depends(_wanted)]


@router.get("/readings", dependencies=[FRESH], summary="Readings", responses=READINGS)
def readings(
    request: Request,
    response: Response,
    viewer: CurrentViewer,
    site: SeenSite,
    wanted: Wanted,
    cursor: Cursor = None,
    limit: Limit = ITEMS,
) -> Items[ReadingView]:
    """What pictures of meters say, in order of their time."""
    return paged(request, response, viewer, cursor, lambda at: site.readings(wanted, at, limit))


@router.get("/readings/plot", dependencies=[FRESH], summary="A reading over time", responses=READING_PLOT)
def reading_plot(
    site: SeenSite,
    device: DeviceOfPlot,
    name: NameOfPlot,
    start: Start = None,
    end: End = None,
    points: Points = POINTS,
) -> ReadingPlot:
    """The last value of each stretch of time, and the states of its readings; stretches without one are left out."""
    existing(site, device)
    return site.reading_plot(ReadingFilter(device, name, "", start, end, "oldest"), points)


@router.get("/exports/readings", summary="All readings as a file", response_class=Download, responses=FILES)
def export_readings(
    request: Request, viewer: CurrentViewer, site: SeenSite, wanted: Wanted, format: Format = "csv"
) -> Response:
    """All readings of a filter, in order of their time. Exports are noted in the audit log."""
    record(request, "export readings", viewer, {"device": wanted.device, "format": format})
    return export(request, site.all_readings(wanted), ReadingView, format, "readings")
