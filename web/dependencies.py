"""What routes ask for: who asks, and the site as far as they may see it.

    @router.get("/devices/{device}")
    def page(device: str, viewer: CurrentViewer, site: SeenSite) -> Response: ...

    @router.post("/devices/{device}/retry")
    def retry(device: str, viewer: CurrentKeeper, site: SeenSite) -> Response: ...

A route that asks for neither is behind the guard all the same (`web.guard`): without a session or token nobody gets
to any route but the few that are public.
"""

from typing import Annotated, cast

from fastapi import Depends, Request

from web.access.viewer import Viewer
from web.errors import ForbiddenError, NotLoggedInError
from web.seen import seen
from web.site import Site


def current_viewer(request: Request) -> Viewer:
    """Who asks. Raises `NotLoggedInError`: an answer of 401, or the way to the login page."""
    viewer = getattr(request.state, "viewer", None)
    if viewer is None:
        raise NotLoggedInError
    return cast(Viewer, viewer)


CurrentViewer = Annotated[Viewer, Depends(current_viewer)]


def current_keeper(viewer: CurrentViewer) -> Viewer:
    """Who asks, and may change something. Raises `ForbiddenError` (403) for others."""
    if not viewer.may_keep:
        raise ForbiddenError("only a keeper may do this, and with a token, one of the scope keep")
    return viewer


CurrentKeeper = Annotated[Viewer, Depends(current_keeper)]


def seen_site(request: Request, viewer: CurrentViewer) -> Site:
    """The site, without the devices that whoever asks may not see: they are as if they weren't there."""
    return seen(cast(Site, request.app.state.site), viewer)


SeenSite = Annotated[Site, Depends(seen_site)]
