"""Templates become pages here and nowhere else: all values are escaped, and a name that is missing is an error."""

from collections.abc import Callable
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from web.access.viewer import Viewer
from web.rendering import drawings, texts
from web.site import Site

#: So many colours are there for labels; `web/static/style.css` has them.
HUES = 12

_environment = Environment(
    loader=PackageLoader("web", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    number=texts.number,
    size=texts.size,
    percent=texts.percent,
    duration=texts.duration,
    moment=texts.moment,
    iso=texts.iso,
    short=texts.short,
    spark=drawings.spark,
)
_environment.globals.update(
    plural=texts.plural,
    address=texts.address,
    device_page=texts.device_page,
    story_picture=texts.story_picture,
    SPARK_HEIGHT=drawings.SPARK_HEIGHT,
)


def page(request: Request, template: str, viewer: Viewer, site: Site, **values: Any) -> HTMLResponse:
    """A page of somebody who is logged in. `values` are what the template shows."""
    return render(request, template, viewer=viewer, site=site, version=request.state.version, **values)


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of any kind."""
    given = {"viewer": None, "site": None, "path": request.url.path, **values}
    return HTMLResponse(_environment.get_template(template).render(given), status, {"Cache-Control": "no-store"})


def hues(site: Site) -> Callable[[str, str], str]:
    """The class of a label's colour, by the label's place among those of its plan; none where the plan isn't known."""
    places = {model.plan: {label: place for place, label in enumerate(model.labels)} for model in site.models()}

    def hue(plan: str, label: str) -> str:
        place = places.get(plan, {}).get(label)
        return "hue-none" if place is None else f"hue-{place % HUES}"

    return hue
