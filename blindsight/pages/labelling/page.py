"""The page on which a person labels the crops of a folder."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blindsight.pages.labelling.crops import Labelling
from blindsight.pages.labelling.keys import keys_of
from blindsight.pages.pngs import png_of
from blindsight.pages.suggestions import suggest
from common.errors import FrameError
from common.pictures.picture import Picture
from common.pictures.reading import read_picture
from common.plan.network import Network

#: Crops that one answer lists, at most.
_MOST_LISTED = 200


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    index: int
    label: str | None


class LabellingPage:
    """Shows one crop or a grid of them, and passes on what the person answers."""

    html = "label.html"

    def __init__(self, labelling: Labelling, labels: Sequence[str], network: Network | None = None) -> None:
        """`network`, where there is one, suggests a label for each crop."""
        self._labelling, self._network = labelling, network
        self._order, self._keys = tuple(labels), keys_of(labels)

    def routes(self, end: Callable[[], None]) -> Sequence[Route]:
        """What `label.js` asks for; the functions that aren't coroutines run in threads."""

        def leave(_: Request) -> Response:
            end()
            return JSONResponse({})

        return [
            Route("/api/labelling", self._state),
            Route("/api/crops", self._list),
            Route("/api/crops/{index:int}.png", self._picture),
            Route("/api/answers", self._answer, methods=["POST"]),
            Route("/api/undo", self._undo, methods=["POST"]),
            Route("/api/end", leave, methods=["POST"]),
        ]

    def _state(self, _: Request) -> Response:
        return JSONResponse(
            {
                "folder": str(self._labelling.folder),
                "labels": [{"label": label, "key": self._keys.get(label)} for label in self._order],
                "suggests": self._network is not None,
                **self._progress(),
                "next": self._labelling.next_missing(-1),
            }
        )

    def _list(self, request: Request) -> Response:
        """Crops from the place `start` on, of those with the label `only` where that is given."""
        query = request.query_params
        found = self._labelling.matching(query.get("only"))
        start, count = _number(query.get("start", "0")), min(_number(query.get("count", "1")), _MOST_LISTED)
        indices = list(found[start : start + count])
        suggestions = self._suggestions(indices)
        crops = [
            {
                "index": index,
                "file": self._labelling.files[index],
                "label": self._labelling.label(index),
                "suggestion": msgspec.to_builtins(suggestions.get(index)),
            }
            for index in indices
        ]
        return JSONResponse({"total": len(found), "start": start, "crops": crops})

    def _suggestions(self, indices: Sequence[int]) -> dict[int, Any]:
        """What the model makes of crops; those that can't be read are left out."""
        if self._network is None:
            return {}
        readable: dict[int, Picture] = {}
        for index in indices:
            try:
                readable[index] = self._read(index)
            except FrameError:
                continue
        return dict(zip(readable, suggest(self._network, list(readable.values())), strict=True))

    def _picture(self, request: Request) -> Response:
        index = request.path_params["index"]
        self._check(index)
        return Response(png_of(self._read(index)), media_type="image/png")

    def _read(self, index: int) -> Picture:
        return read_picture(self._labelling.folder / self._labelling.files[index])

    async def _answer(self, request: Request) -> Response:
        answer = msgspec.json.decode(await request.body(), type=_Answer)
        self._check(answer.index)
        if answer.label is not None and answer.label not in self._keys:
            raise HTTPException(422, f"{answer.label!r} is none of the labels")
        return await run_in_threadpool(self._changed, answer)

    def _changed(self, answer: _Answer) -> Response:
        self._labelling.answer(answer.index, answer.label)
        return JSONResponse({**self._progress(), "next": self._labelling.next_missing(answer.index)})

    def _undo(self, _: Request) -> Response:
        index = self._labelling.undo()
        label = None if index is None else self._labelling.label(index)
        return JSONResponse({**self._progress(), "index": index, "label": label})

    def _progress(self) -> dict[str, Any]:
        counts = self._labelling.counts()
        return {"total": len(self._labelling.files), "done": counts.total(), "counts": counts}

    def _check(self, index: int) -> None:
        if not 0 <= index < len(self._labelling.files):
            raise HTTPException(404, f"there is no crop {index}")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise HTTPException(422, f"{text[:20]!r} is no number")
    return int(text)
