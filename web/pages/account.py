"""Account: who one is here, one's tokens for programs, and for keepers all accounts of the site."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from web.access.access import Access
from web.dependencies import CurrentViewer, SeenSite
from web.rendering.environment import page

router = APIRouter(include_in_schema=False)


@router.get("/account")
def account(request: Request, viewer: CurrentViewer, site: SeenSite) -> Response:
    """One's own tokens. Their texts are shown once, when they are made, and hashes of passwords never."""
    access: Access = request.app.state.access
    accounts = access.accounts.contents().accounts if viewer.may_keep else ()
    return page(request, "account.html", viewer, site, tokens=access.tokens.of(viewer.name), accounts=accounts)
