"""Privacy: what each party holds of one frame, who has which key, and whether workers were caught lying."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from web.dependencies import CurrentViewer, SeenSite
from web.rendering.environment import hues, page

router = APIRouter(include_in_schema=False)
Name = Annotated[str, Query(max_length=1000)]
#: Among so many devices the page looks for one that has a frame to show, where nobody chose one.
_LOOKED_AT = 50
#: Known answers that are shown.
_ALARMS = 50


@router.get("/privacy")
def privacy(request: Request, viewer: CurrentViewer, site: SeenSite, device: Name = "", job: Name = "") -> Response:
    """One frame's story: the one of a job, or else a device's last."""
    devices = site.devices("", "all", None, _LOOKED_AT).items
    chosen = device or next((each.device for each in devices if each.last), devices[0].device if devices else "")
    view = site.device(chosen) if chosen else None
    return page(
        request,
        "privacy.html",
        viewer,
        site,
        device=chosen,
        job=job,
        view=view,
        names=[each.device for each in devices],
        story=site.story(chosen, job or None) if view else None,
        alarms=site.alarms("", None, _ALARMS),
        hue=hues(site),
    )
