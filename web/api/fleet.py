"""The site as a whole: whose view it is, its fleet, models and settings, and what changes."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from web.api.fresh import FRESH
from web.api.shapes import SiteView
from web.dependencies import CurrentViewer, SeenSite
from web.live import Live
from web.site import FleetView, ModelView, SettingView
from web.versions import Versions

router = APIRouter(tags=["site"])
_EVENT = 'event: change\nid: 5d41402abc4b2a76\ndata: {"version": "5d41402abc4b2a76"}\n\n'


@router.get("/site", dependencies=[FRESH], summary="Whose view this is")
def whose(request: Request, site: SeenSite) -> SiteView:
    """A console's, a device's, or an operator's without keys, who knows the fleet only."""
    versions: Versions = request.app.state.versions
    return SiteView(kind=site.kind, name=site.name, version=versions.of(site))


@router.get("/fleet", dependencies=[FRESH], summary="The fleet")
def fleet(site: SeenSite) -> FleetView:
    """Workers, queues, and how long frames take."""
    return site.fleet()


@router.get("/models", dependencies=[FRESH], summary="Models")
def models(site: SeenSite) -> list[ModelView]:
    """The plans that are served or read here, with their costs as the compiler predicts them."""
    return list(site.models())


@router.get("/settings", dependencies=[FRESH], summary="Settings in force")
def settings(site: SeenSite) -> list[SettingView]:
    """The settings in force, without the values of those that are secret. Empty for who may see some devices only."""
    return list(site.settings_in_force())


@router.get(
    "/events",
    summary="What changes, as it happens",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"example": _EVENT}}}},
)
async def events(request: Request, viewer: CurrentViewer) -> Response:
    """Server-sent events, at most two a second. `change` has the version that is; ask for what you show, with its ETag.

    The first event comes at once. `end` says that the session is over, or the token revoked.
    """
    live: Live = request.app.state.live
    return live.listen(viewer)
