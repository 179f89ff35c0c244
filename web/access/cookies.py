"""The cookies: a session's, and the one by which a browser is known that has logged in before.

Browsers send cookies to all ports of a host. So the names have the port in them, or the sites of a machine would log
each other's users out; and with TLS they begin with `__Host-`, which no other host can set.
"""

from starlette.responses import Response
from starlette.types import Scope

from web.access.access import Login

#: The names, before their prefix and port.
SESSION, KNOWN = "blindsight-session", "blindsight-known"
#: Seconds that a browser is known.
_KNOWN_SECONDS = 365 * 86_400


def cookie_name(scope: Scope, name: str) -> str:
    """The whole name of a cookie, as the address that is asked has it."""
    _, port = scope.get("server") or ("", None)
    return f"{'__Host-' if scope['scheme'] == 'https' else ''}{name}-{port or 0}"


def set_cookies(scope: Scope, response: Response, login: Login) -> None:
    """Give a browser its cookies: for this browser session only, and to be known for a year."""
    for name, value, age in ((SESSION, login.session, None), (KNOWN, login.known, _KNOWN_SECONDS)):
        response.set_cookie(
            cookie_name(scope, name), value, age, secure=scope["scheme"] == "https", httponly=True, samesite="strict"
        )


def remove_session(scope: Scope, response: Response) -> None:
    """Take the session's cookie away."""
    secure = scope["scheme"] == "https"
    response.delete_cookie(cookie_name(scope, SESSION), secure=secure, httponly=True, samesite="strict")
