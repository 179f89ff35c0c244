"""Devices, their alarms, their dead letters, and what each party holds of a frame of theirs."""

from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Request, Response

from web.access.viewer import Viewer
from web.api.examples import ALARMS, DEAD_LETTERS, DEVICE, DEVICES
from web.api.fresh import FRESH
from web.api.paging import paged
from web.api.session import record
from web.api.shapes import (
    ITEMS,
    Changed,
    Cursor,
    Device,
    HoldingAnswer,
    InCondition,
    Items,
    Job,
    Jobs,
    Limit,
    OfDevice,
    Search,
    StoryAnswer,
)
from web.api.streams import Download, download
from web.dependencies import CurrentKeeper, CurrentViewer, SeenSite
from web.errors import NotFoundError
from web.site import AlarmView, DeadLetterView, DeviceView, FrameStory, Site

router = APIRouter(tags=["devices"])
Party = Annotated[
    Literal["device", "broker", "bridge", "redis", "worker", "console"], Path(description="Who holds the picture.")
]


@router.get("/devices", dependencies=[FRESH], summary="Devices", responses=DEVICES)
def devices(
    request: Request,
    response: Response,
    viewer: CurrentViewer,
    site: SeenSite,
    search: Search = "",
    condition: InCondition = "all",
    cursor: Cursor = None,
    limit: Limit = ITEMS,
) -> Items[DeviceView]:
    """Devices, in order of their names, each with its last label and readings."""
    return paged(request, response, viewer, cursor, lambda at: site.devices(search, condition, at, limit))


@router.get("/devices/{device}", dependencies=[FRESH], summary="A device", responses=DEVICE)
def one_device(device: Device, site: SeenSite) -> DeviceView:
    """A device, with its last label and readings."""
    return existing(site, device)


@router.get("/alarms", dependencies=[FRESH], summary="Alarms", responses=ALARMS)
def alarms(
    request: Request,
    response: Response,
    viewer: CurrentViewer,
    site: SeenSite,
    device: OfDevice = "",
    cursor: Cursor = None,
    limit: Limit = ITEMS,
) -> Items[AlarmView]:
    """Known answers that a worker got wrong."""
    check_device(site, device)
    return paged(request, response, viewer, cursor, lambda at: site.alarms(device, at, limit))


@router.get("/dead-letters", dependencies=[FRESH], summary="Dead letters", responses=DEAD_LETTERS)
def dead_letters(
    request: Request,
    response: Response,
    viewer: CurrentViewer,
    site: SeenSite,
    device: OfDevice = "",
    cursor: Cursor = None,
    limit: Limit = ITEMS,
) -> Items[DeadLetterView]:
    """Bursts that were given up, where this site keeps them: a device's does."""
    check_device(site, device)
    return paged(request, response, viewer, cursor, lambda at: site.dead_letters(device, at, limit))


@router.post("/devices/{device}/dead-letters/retry", summary="Send dead letters again")
def retry(request: Request, device: Device, wanted: Jobs, keeper: CurrentKeeper, site: SeenSite) -> Changed:
    """Let dead letters be sent again. Needs a keeper, or a token with the scope `keep`."""
    _record(request, "retry", keeper, site, device, wanted)
    return Changed(changed=site.retry(device, wanted.jobs))


@router.post("/devices/{device}/dead-letters/drop", summary="Delete dead letters")
def drop(request: Request, device: Device, wanted: Jobs, keeper: CurrentKeeper, site: SeenSite) -> Changed:
    """Delete dead letters for good. Needs a keeper, or a token with the scope `keep`."""
    _record(request, "drop", keeper, site, device, wanted)
    return Changed(changed=site.drop(device, wanted.jobs))


@router.post(
    "/devices/{device}/dead-letters/export",
    summary="Export dead letters",
    response_class=Download,
    responses={200: {"content": {"application/zip": {}}}},
)
def export(request: Request, device: Device, wanted: Jobs, keeper: CurrentKeeper, site: SeenSite) -> Response:
    """Dead letters as a zip file: a line of JSON each, and their ciphertexts. Needs a keeper or the scope `keep`."""
    _record(request, "export dead letters", keeper, site, device, wanted)
    return download(request, site.export_dead_letters(device, wanted.jobs), "dead-letters.zip", "application/zip")


@router.get("/devices/{device}/story", dependencies=[FRESH], summary="What each party holds of a frame")
def story(device: Device, site: SeenSite, job: Job = None) -> StoryAnswer:
    """What device, broker, bridge, Redis, worker and console each hold of a burst: of the last one without `job`."""
    told = _story(site, device, job)
    base = f"/api/v1/devices/{quote(device, safe='')}/story"
    parties = tuple(
        HoldingAnswer(
            each.party,
            each.holds,
            each.text,
            each.size,
            each.sha256,
            None if each.picture is None else f"{base}/{each.party}.png?{urlencode({'job': told.job})}",
        )
        for each in told.parties
    )
    return StoryAnswer(told.device, told.job, told.custody, told.label, told.at, parties)


@router.get(
    "/devices/{device}/story/{party}.png",
    dependencies=[FRESH],
    summary="A picture of what a party holds",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}},
)
def picture(device: Device, party: Party, response: Response, site: SeenSite, job: Job = None) -> Response:
    """The frame, or a ciphertext as grey noise, as a PNG."""
    for each in _story(site, device, job).parties:
        if each.party == party and each.picture is not None:
            return Response(each.picture, media_type="image/png", headers={"ETag": response.headers["ETag"]})
    raise NotFoundError("this party holds nothing that can be shown")


def existing(site: Site, device: str) -> DeviceView:
    """A device. Raises `NotFoundError`, whether there is none or whoever asks may not see it."""
    view = site.device(device)
    if view is None:
        raise NotFoundError("there is no such device")
    return view


def check_device(site: Site, device: str) -> None:
    """Raise `NotFoundError` for a filter's device that isn't there; an empty one is none."""
    if device:
        existing(site, device)


def _story(site: Site, device: str, job: str | None) -> FrameStory:
    existing(site, device)
    told = site.story(device, job)
    if told is None:
        raise NotFoundError("nothing is known of such a burst")
    return told


def _record(request: Request, what: str, keeper: Viewer, site: Site, device: str, wanted: Jobs) -> None:
    existing(site, device)
    record(request, what, keeper, {"device": device, "jobs": wanted.jobs})
