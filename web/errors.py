"""What a route raises to be answered as a problem (RFC 9457) below `/api/`, and as a page elsewhere."""

from common.errors import BlindsightError


class ProblemError(Exception):
    """An answer that isn't what was asked for: its status, and a sentence that says what is wrong."""

    status = 400

    def __init__(self, detail: str, status: int | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = self.status if status is None else status
        self.headers = headers or {}


class NotLoggedInError(ProblemError):
    """Nobody is logged in: 401 below `/api/`; elsewhere the way to the login page."""

    status = 401

    def __init__(self, detail: str = "log in first, or send a token: Authorization: Bearer …") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class ForbiddenError(ProblemError):
    """Whoever asks may not do this."""

    status = 403


class NotFoundError(ProblemError):
    """There is nothing of that name, or nothing that whoever asks may see."""

    status = 404


class AccountError(BlindsightError):
    """An account, password or token can't be as it was asked for."""


class NotModifiedError(ProblemError):
    """Whoever asks has the answer already, by its ETag."""

    status = 304

    def __init__(self, tag: str) -> None:
        super().__init__("it is as you have it", headers={"ETag": tag})
