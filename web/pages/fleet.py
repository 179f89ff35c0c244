"""Fleet: the workers, what they serve, what waits, and who is limited."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from web.dependencies import CurrentViewer, SeenSite
from web.rendering import drawings
from web.rendering.environment import page

router = APIRouter(include_in_schema=False)
#: At most so many limited devices are named; the page links to all.
_NAMED = 50


@router.get("/fleet")
def fleet(request: Request, viewer: CurrentViewer, site: SeenSite) -> Response:
    """What an operator looks at."""
    seen = site.fleet()
    names = {model.plan: model.model for model in site.models()}
    for worker in seen.workers or ():
        names.update(worker.plans)
    queues = sorted((seen.queues or {}).items(), key=lambda queue: -queue[1])
    return page(
        request,
        "fleet.html",
        viewer,
        site,
        fleet=seen,
        spans=drawings.spans(seen.stages),
        queues=[(names.get(plan, ""), plan, count) for plan, count in queues],
        shares=drawings.shares([count for _, count in queues]),
        limited=site.devices("", "limited", None, _NAMED),
    )
