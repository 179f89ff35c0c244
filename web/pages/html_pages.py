"""All pages, as `web.application.build_app` takes them."""

from http import HTTPStatus

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from web.dependencies import SeenSite
from web.pages import account, device, fleet, login, models, now, privacy, settings
from web.rendering.environment import render

#: What helps, by the status of an answer.
_HELP = {
    401: "Log in, and open the page again.",
    403: "Ask a keeper of this site.",
    404: "Look for it from the page Now.",
    429: "Wait a minute, then try again.",
}


def _note_version(request: Request, site: SeenSite) -> None:
    """Note the version before the site is asked anything: what changes meanwhile is then asked for again."""
    request.state.version = request.app.state.versions.of(site)


class HtmlPages:
    """The pages of a site in a browser."""

    def __init__(self) -> None:
        self.router = APIRouter(include_in_schema=False)
        self.router.include_router(login.router)
        for each in (now, device, fleet, models, privacy, settings, account):
            self.router.include_router(each.router, dependencies=[Depends(_note_version)])
        self._files = StaticFiles(packages=[("web", "static")])
        self.router.add_api_route("/static/{path:path}", self.static, methods=["GET"])

    async def static(self, path: str, request: Request) -> Response:
        """What pages look like, and their scripts: files as they are, with an ETag."""
        return await self._files.get_response(path, request.scope)

    def problem(self, request: Request, status: int, detail: str) -> Response:
        """What happened, and what to do."""
        title = HTTPStatus(status).phrase
        advice = _HELP.get(status, "Try again; if it stays, look at the log of the process that serves this page.")
        return render(request, "problem.html", status, code=status, title=title, detail=detail, advice=advice)
