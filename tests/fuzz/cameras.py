"""What cameras and their region files bring: region files, MJPEG streams, and what is remembered of readings."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from common.errors import BlindsightError
from common.publishing.events import FrameLabel, decode_event, event_id, plain
from common.readings.evidence import Labels
from common.readings.packing import pack, unpack
from common.readings.reading import Reading
from common.readings.spec import ReadingSpec, load_layout
from common.readings.tracker import Tracker
from edge.camera.sources.address import parse_address
from edge.camera.sources.http_client import HttpClient
from edge.camera.sources.mjpeg import MjpegConnection
from tests.fuzz.target import Target, as_file

_JOB = "00000001-0123456789abcdef"
_REGIONS = b"""[picture]
size = [640, 480]
reference = "r.png"
[[region]]
name = "d1"
corners = [[204, 180], [252, 178], [254, 262], [206, 264]]
normalise = "digit"
[[region]]
name = "d2"
box = [300, 180, 40, 80]
[[mark]]
box = [40, 60, 48, 48]
search = 32
[[reading]]
name = "water"
regions = ["d1", "d2"]
decimals = 1
unit = "m3"
max_rate = 3.0
"""
_SPEC = ReadingSpec("water", ("d1", "d2"), 0, "L", 60.0)
_STREAM = (
    b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n\r\n\xff\xd8\xff\xd9\r\n--b\r\n\r\n1234\r\n--b\r\n\r\n"
)


class _Answer(HttpClient):
    """A camera that answers with these bytes as a stream."""

    def __init__(self, data: bytes) -> None:
        super().__init__(parse_address("http://127.0.0.1/stream", None), None)
        self._data = data

    def get(self) -> httpx.Response:
        kind = {"content-type": "multipart/x-mixed-replace; boundary=b"}
        return httpx.Response(200, headers=kind, stream=_Pieces(self._data))


class _Pieces(httpx.SyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield from (self._data[start : start + 7] for start in range(0, len(self._data), 7))


def _read_stream(data: bytes) -> None:
    connection = MjpegConnection(_Answer(data))
    for _ in range(2):
        connection.read()


@cache
def _tracker() -> Tracker:
    return Tracker(_SPEC, Labels([*map(str, range(10)), "between", "unreadable"]))


def _scores(*digits: int) -> Any:
    return 9.0 * np.eye(12)[list(digits)]


def _track() -> bytes:
    track = None
    for number in range(3):
        track, _ = _tracker().take(track, _scores(1, 2 + number), 1000.0 + 60 * number)
    assert track is not None
    return pack(track)


def _use_track(data: bytes) -> None:
    """As the next picture does, and the one after it."""
    try:
        track = unpack(data, len(_SPEC.regions))
    except ValueError as error:  # which a reader says, and begins anew
        raise BlindsightError(str(error)[:200]) from error
    for at in (1200.0, 1260.0):
        track, _ = _tracker().take(track, _scores(1, 6), at)
        unpack(pack(track), len(_SPEC.regions))


def _events() -> list[bytes]:
    label = FrameLabel("cam", _JOB, 1, "seven", 1.0, 5.0, lead=0.5)
    reading = Reading("cam", "water", _JOB, 1.0, "good", "12.5", "m³", 0.99)
    return [plain(label), plain(reading)]


TARGETS = (
    Target("region_file", lambda: [_REGIONS], as_file("r.toml", lambda path: load_layout(Path(path)))),
    Target("mjpeg", lambda: [_STREAM], _read_stream),
    Target("readings_state", lambda: [_track()], _use_track, "msgpack"),
    Target("event", _events, lambda data: event_id(decode_event(data)), "json"),
)
