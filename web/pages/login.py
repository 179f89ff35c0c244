"""The pages that need no session: logging in, and the first account."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from web.access.accounts import PASSWORD_LENGTH
from web.access.first_start import FIRST
from web.answers import LOGIN
from web.rendering.environment import render

router = APIRouter(include_in_schema=False)


@router.get(LOGIN)
def login(request: Request) -> Response:
    """Where whoever isn't logged in is led to."""
    return render(request, "login.html")


@router.get(FIRST)
def first(request: Request) -> Response:
    """Where whoever started the site makes the first account; later the way to log in."""
    if not request.app.state.access.first.is_due():
        return RedirectResponse(LOGIN, 303)
    return render(request, "first.html", shortest=PASSWORD_LENGTH[0])
