"""The page on which a person drags the regions of a camera's picture into place."""

import base64
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blindsight.pages.pngs import png_of
from blindsight.pages.region_draft import Draft, DraftRegion, draft_of, text_of, write_text
from blindsight.pages.suggestions import suggest
from common.errors import ConfigurationError
from common.pictures.corners import check_corners
from common.pictures.cropping import crop
from common.pictures.normalise import normalise
from common.pictures.picture import Picture
from common.pictures.regions import Regions
from common.plan.network import Network

#: Shape of the frames that crops become where no model says another: that of the models `meter` and `digits`.
_FRAME_SHAPE = (28, 28, 1)
#: Regions whose crops are made for one request, at most: as many as a file may have.
_MOST_CROPS = 64


class _Save(msgspec.Struct, forbid_unknown_fields=True):
    draft: Draft
    overwrite: bool


class RegionsPage:
    """Shows a picture with its regions, crops them as they are dragged, and saves the file."""

    html = "regions.html"

    def __init__(self, picture: Picture, regions: Regions, out: Path, network: Network | None = None) -> None:
        """`regions` are where the person begins, `out` is the file to save, `network` tells what it sees in crops."""
        self._picture, self._out, self._network = picture, out, network
        self._regions = regions.scaled(picture.shape[1], picture.shape[0])

    def routes(self, end: Callable[[], None]) -> Sequence[Route]:
        """What `regions.js` asks for; the functions that aren't coroutines run in threads."""

        async def save(request: Request) -> Response:
            wanted = msgspec.json.decode(await request.body(), type=_Save)
            saved = await run_in_threadpool(self._save, wanted)
            if saved:
                end()
            return JSONResponse({"saved": saved})

        return [
            Route("/api/regions", self._state),
            Route("/api/picture.png", self._png),
            Route("/api/crops", self._crops, methods=["POST"]),
            Route("/api/save", save, methods=["POST"]),
        ]

    def _state(self, _: Request) -> Response:
        return JSONResponse(
            {
                "size": self._regions.size,
                "out": str(self._out),
                "reads": self._network is not None,
                **msgspec.to_builtins(draft_of(self._regions)),
            }
        )

    def _png(self, _: Request) -> Response:
        return Response(self._picture_file, media_type="image/png")

    @cached_property
    def _picture_file(self) -> bytes:
        return png_of(self._picture)

    async def _crops(self, request: Request) -> Response:
        draft = msgspec.json.decode(await request.body(), type=list[DraftRegion])
        return JSONResponse(await run_in_threadpool(self._cropped, draft[:_MOST_CROPS]))

    def _cropped(self, drafted: Sequence[DraftRegion]) -> list[dict[str, Any]]:
        """For each region what it shows, the frame that the network sees, and its label; or what is wrong with it."""
        shape = _FRAME_SHAPE if self._network is None else self._network.frame_shape
        found: list[dict[str, Any]] = []
        frames: list[Picture] = []
        for region in drafted:
            try:
                check_corners(region.corners, self._regions.size, region.name)
            except ConfigurationError as error:
                found.append({"wrong": str(error)})
                continue
            seen = crop(self._picture, region.corners)
            frames.append(normalise(seen, region.normalise, shape))
            found.append({"seen": _encoded(seen), "frame": _encoded(frames[-1])})
        if self._network is not None:
            right = (each for each in found if "frame" in each)
            for each, suggestion in zip(right, suggest(self._network, frames), strict=True):
                each["suggestion"] = msgspec.to_builtins(suggestion)
        return found

    def _save(self, wanted: _Save) -> bool:
        return write_text(text_of(wanted.draft, self._regions, self._out), self._out, wanted.overwrite)


def _encoded(picture: Picture) -> str:
    return "data:image/png;base64," + base64.b64encode(png_of(picture)).decode()
