"""Now: devices as cards, and the fleet in a few figures."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from web.dependencies import CurrentViewer, SeenSite
from web.pages.lists import listed
from web.rendering import drawings
from web.rendering.environment import hues, page
from web.site import Condition

router = APIRouter(include_in_schema=False)
#: Cards on one page: what a browser lays out again in a few milliseconds whenever something changes.
CARDS = 60
CONDITIONS: tuple[tuple[Condition, str], ...] = (
    ("all", "All"),
    ("online", "Online"),
    ("offline", "Offline"),
    ("alarm", "Alarms"),
    ("parked", "Dead letters"),
    ("limited", "Limited"),
)


@router.get("/")
def now(
    request: Request,
    viewer: CurrentViewer,
    site: SeenSite,
    q: Annotated[str, Query(max_length=200)] = "",
    show: Condition = "all",
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> Response:
    """The first page that whoever logs in gets."""
    fleet = site.fleet()
    return page(
        request,
        "now.html",
        viewer,
        site,
        fleet=fleet,
        spans=drawings.spans(fleet.stages),
        devices=listed(request, viewer, cursor, lambda at: site.devices(q, show, at, CARDS)),
        q=q,
        show=show,
        conditions=CONDITIONS,
        hue=hues(site),
    )
