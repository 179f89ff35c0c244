"""Settings: those in force. A secret's value is never among them."""

from itertools import groupby

from fastapi import APIRouter, Request
from starlette.responses import Response

from web.dependencies import CurrentViewer, SeenSite
from web.rendering.environment import page

router = APIRouter(include_in_schema=False)


@router.get("/settings")
def settings(request: Request, viewer: CurrentViewer, site: SeenSite) -> Response:
    """What the process runs with, by the panels of its help."""
    panels = [(panel, list(each)) for panel, each in groupby(site.settings_in_force(), key=lambda each: each.panel)]
    return page(request, "settings.html", viewer, site, panels=panels)
