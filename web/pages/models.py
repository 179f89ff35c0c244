"""Models: what plans compute, what that costs, and how exact it is."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from web.dependencies import CurrentViewer, SeenSite
from web.rendering import drawings
from web.rendering.environment import page
from web.site import ModelView

router = APIRouter(include_in_schema=False)


@router.get("/models")
def models(request: Request, viewer: CurrentViewer, site: SeenSite) -> Response:
    """All plans that are served or read here."""
    return page(request, "models.html", viewer, site, models=[_drawn(model) for model in site.models()])


def _drawn(model: ModelView) -> dict[str, object]:
    """A model, with what its drawings need."""
    blocks = drawings.blocks(model.frame_shape, model.stages)
    return {
        "model": model,
        "blocks": blocks,
        "width": len(blocks) * drawings.STAGE_WIDTH,
        "shares": drawings.shares([stage.milliseconds or 0 for stage in model.stages]),
    }
