"""Labels: as pages, as a plot, and as a file."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from web.api.devices import check_device
from web.api.examples import LABEL_PLOT, LABELS
from web.api.export_files import FILES, Format, export
from web.api.fresh import FRESH
from web.api.paging import paged
from web.api.session import record
from web.api.shapes import ITEMS, POINTS, Cursor, End, InOrder, Items, Limit, OfDevice, Points, Start, Text
from web.api.streams import Download
from web.dependencies import CurrentViewer, SeenSite
from web.site import LabelFilter, LabelPlot, LabelView

router = APIRouter(tags=["labels"])


def _wanted(
    site: SeenSite,
    device: OfDevice = "",
    label: Text = "",
    group: Text = "",
    region: Text = "",
    start: Start = None,
    end: End = None,
    order: InOrder = "newest",
) -> LabelFilter:
    """Which labels are asked for. Raises `NotFoundError` for a device that isn't there."""
    check_device(site, device)
    return LabelFilter(device, label, group, region, start, end, order)


Wanted = Annotated[LabelFilter, Depends(_wanted)]


@router.get("/labels", dependencies=[FRESH], summary="Labels", responses=LABELS)
def labels(
    request: Request,
    response: Response,
    viewer: CurrentViewer,
    site: SeenSite,
    wanted: Wanted,
    cursor: Cursor = None,
    limit: Limit = ITEMS,
) -> Items[LabelView]:
    """Labels, in order of their time."""
    return paged(request, response, viewer, cursor, lambda at: site.labels(wanted, at, limit))


@router.get("/labels/plot", dependencies=[FRESH], summary="Labels over time", responses=LABEL_PLOT)
def label_plot(site: SeenSite, wanted: Wanted, points: Points = POINTS) -> LabelPlot:
    """How many frames got each label, in stretches of time; stretches without a frame are left out."""
    return site.label_plot(wanted, points)


@router.get("/exports/labels", summary="All labels as a file", response_class=Download, responses=FILES)
def export_labels(
    request: Request, viewer: CurrentViewer, site: SeenSite, wanted: Wanted, format: Format = "csv"
) -> Response:
    """All labels of a filter, in order of their time. Exports are noted in the audit log."""
    record(request, "export labels", viewer, {"device": wanted.device, "format": format})
    return export(request, site.all_labels(wanted), LabelView, format, "labels")
