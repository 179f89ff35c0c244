"""Answers that a program has already: an ETag of what is asked and of the site's version, and 304 where it is the same.

The tag also holds the minute, since some of what is told is relative to now, as the labels of the last hour.
"""

import time

from fastapi import Depends, Request, Response

from web.dependencies import CurrentViewer, SeenSite
from web.errors import NotModifiedError
from web.versions import Versions


def _fresh(request: Request, response: Response, viewer: CurrentViewer, site: SeenSite) -> None:
    """Note the ETag of an answer. Raises `NotModifiedError` where whoever asks has that already."""
    versions: Versions = request.app.state.versions
    minute, query = str(int(time.time() // 60)), request.scope["query_string"].decode("latin-1")
    tag = f'W/"{versions.of(site, viewer.name, request.scope["path"], query, minute)}"'
    given = request.headers.get("if-none-match", "")
    if tag in (each.strip() for each in given.split(",")):
        raise NotModifiedError(tag)
    response.headers["ETag"] = tag


#: A dependency of routes whose answers follow from the site's version.
FRESH = Depends(_fresh)
