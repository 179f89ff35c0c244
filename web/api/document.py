"""The OpenAPI document of the REST interface, and the same as a page that loads nothing from anywhere."""

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, JSONResponse, Response

from common.installed import blindsight_version

router = APIRouter(include_in_schema=False)
_ABOUT = """What a site knows, and what its keeper may do, for programs.

Times are in seconds since the epoch, sizes in bytes. Who asks is a session (a cookie, and for whatever changes
something the header `X-CSRF-Token`) or an API token: `Authorization: Bearer …`. A token has the scope `read`, and
`keep` besides if it may change something.

Lists come in pages: `next_cursor`, or the header `Link`, leads to the one that follows. Answers have an ETag; one that
is sent back as `If-None-Match` is answered 304 while nothing has changed. What goes wrong is a problem of RFC 9457. A
device that whoever asks may not see is one that doesn't exist."""
_TAGS = [
    {"name": "access", "description": "Sessions, the first account, and API tokens."},
    {"name": "devices", "description": "Devices, alarms, dead letters, and what each party holds of a frame."},
    {"name": "labels", "description": "Labels of frames."},
    {"name": "readings", "description": "Readings of meters."},
    {"name": "site", "description": "The fleet, models, settings, and what changes."},
]
_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token: read, or read and keep.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "blindsight-session-8443",
        "description": "A browser's session; its name ends with the port, and with TLS begins with `__Host-`.",
    },
}


@router.get("/openapi.json")
def openapi(request: Request) -> Response:
    """The document."""
    return JSONResponse(document(request.app))


@router.get("/docs")
def docs(request: Request) -> Response:
    """The document as a page."""
    return HTMLResponse(page(document(request.app)))


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application's REST interface."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Blindsight", version=blindsight_version(), description=_ABOUT, routes=app.routes, tags=_TAGS
        )
        made.setdefault("components", {})["securitySchemes"] = _SCHEMES
        made["security"] = [{"token": []}, {"session": []}]
        app.openapi_schema = made
    return app.openapi_schema


def page(made: dict[str, Any]) -> str:
    """A document as a page: each request with what it takes and what it gives."""
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><title>Blindsight: REST</title><h1>REST</h1>"]
    parts += [f"<p>{escape(text)}" for text in made["info"]["description"].split("\n\n")]
    parts.append('<p><a href="openapi.json">The same as OpenAPI</a>')
    for path, methods in made["paths"].items():
        for method, told in methods.items():
            parts.append(f"<h2>{escape(told['summary'])}</h2><p><code>{method.upper()} {escape(path)}</code>")
            parts.append(f"<p>{escape(told.get('description', ''))}")
            parts.append(_parameters(told))
    return "\n".join(parts)


def _parameters(told: dict[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(each['name'])}</code><td>{escape(each['in'])}<td>{escape(each.get('description', ''))}"
        for each in told.get("parameters", ())
    ]
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in body:
        rows.append(f"<tr><td><td>body<td>JSON: {escape(body['$ref'].rpartition('/')[2])}")
    return f"<table><tr><th>name<th>where<th>what{''.join(rows)}</table>" if rows else ""
