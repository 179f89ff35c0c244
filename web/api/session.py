"""Logging in and out, the first account, and API tokens."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from web.access.access import Access, Login
from web.access.accounts import Token
from web.access.audit import Details
from web.access.cookies import KNOWN, cookie_name, remove_session, set_cookies
from web.access.viewer import Viewer
from web.api.shapes import Credentials, FirstCredentials, MadeToken, NewToken, TokenView, Whoever
from web.dependencies import CurrentViewer
from web.errors import ForbiddenError, NotFoundError

router = APIRouter(tags=["access"])
_PUBLIC = {"security": list[object]()}


@router.post("/session", openapi_extra=_PUBLIC, summary="Log in")
async def log_in(request: Request, response: Response, given: Credentials) -> Whoever:
    """Log in; the session is a cookie. Too many tries are refused for a while (429, with `Retry-After`)."""
    known = request.cookies.get(cookie_name(request.scope, KNOWN), "")
    login = await _access(request).log_in(given.name, given.password.get_secret_value(), address_of(request), known)
    return _begun(request, response, login)


@router.get("/session", summary="Who asks")
def session(viewer: CurrentViewer) -> Whoever:
    """Who asks, what they may see, and the CSRF token of their session."""
    return _whoever(viewer)


@router.delete("/session", status_code=204, summary="Log out")
def log_out(request: Request, response: Response, viewer: CurrentViewer) -> None:
    """End the session."""
    _access(request).log_out(viewer, address_of(request))
    remove_session(request.scope, response)


@router.post("/first", openapi_extra=_PUBLIC, summary="Make the first account")
async def log_in_first(request: Request, response: Response, given: FirstCredentials) -> Whoever:
    """Make the first account, a keeper's, with the token of the address that the terminal showed, and log in."""
    password = given.password.get_secret_value()
    login = await _access(request).log_in_first(given.token, given.name, password, address_of(request))
    return _begun(request, response, login)


@router.get("/tokens", summary="One's own API tokens")
def tokens(request: Request, viewer: CurrentViewer) -> list[TokenView]:
    """The tokens of one's own account, without their texts."""
    return [TokenView(**_shown(token)) for token in _access(request).tokens.of(_person(viewer).name)]


@router.post("/tokens", status_code=201, summary="Make an API token")
def make_token(request: Request, viewer: CurrentViewer, wanted: NewToken) -> MadeToken:
    """A token for a program. It may see what its account may; its text is in this answer and nowhere else."""
    access, person = _access(request), _person(viewer)
    record(request, "new token", person, {"name": wanted.name, "scopes": wanted.scopes})
    token, text = access.tokens.make(person.name, wanted.name, wanted.scopes)
    return MadeToken(**_shown(token), token=text)


@router.delete("/tokens/{token}", status_code=204, summary="Revoke an API token")
def revoke_token(
    request: Request, viewer: CurrentViewer, token: Annotated[str, Path(pattern="^[0-9a-f]{12}$")]
) -> None:
    """Revoke a token of one's own."""
    access, person = _access(request), _person(viewer)
    if all(each.id != token for each in access.tokens.of(person.name)):
        raise NotFoundError("there is no such token")
    record(request, "revoke token", person, {"token": token})
    access.tokens.revoke(person.name, token)


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


def record(request: Request, what: str, viewer: Viewer, details: Details) -> None:
    """Note in the audit log what is about to be done. Raises `ConfigurationError` where that can't be written."""
    _access(request).audit.record(what, viewer.name, address_of(request), details)


def _person(viewer: Viewer) -> Viewer:
    if viewer.session is None:  # or one that has leaked could make others that stay when it is revoked
        raise ForbiddenError("tokens are made and revoked by a person who is logged in, not by a token")
    return viewer


def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


def _begun(request: Request, response: Response, login: Login) -> Whoever:
    before: Viewer | None = request.state.viewer
    if before is not None and before.session is not None:  # whose cookie goes
        _access(request).sessions.end(before.session)
    set_cookies(request.scope, response, login)
    return _whoever(login.viewer)


def _whoever(viewer: Viewer) -> Whoever:
    devices = None if viewer.devices is None else sorted(viewer.devices)
    return Whoever(name=viewer.name, role=viewer.role, devices=devices, csrf=viewer.csrf)


def _shown(token: Token) -> dict[str, object]:
    return {"id": token.id, "name": token.name, "scopes": list(token.scopes), "created_at": token.created_at}
