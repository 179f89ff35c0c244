"""Cameras by HTTP: a stream of JPEG pictures (MJPEG), or a snapshot that is fetched whenever a picture is due."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx

from common.errors import BlindsightError, FrameError
from common.logs import get_logger
from common.pictures.picture import Picture
from common.pictures.reading import decode_picture
from edge.camera.cameras import Camera, Shot
from edge.camera.sources.address import Address
from edge.camera.sources.http_client import MOST_BYTES, HttpClient
from edge.camera.sources.live import LiveCamera
from edge.camera.sources.pace import Pace
from edge.camera.sources.retries import Retries

#: Pictures a second that are fetched where nobody says how many.
_RATE = 1.0
#: Bytes of a part's head, at most.
_MOST_HEAD = 1 << 14

log = get_logger(__name__)


def open_http(address: Address, rate: float | None, ca: Path | None) -> Camera:
    """The camera at an address: what it answers tells whether it is a stream or a snapshot.

    Raises `FrameError` and `ConfigurationError` when it doesn't answer as a camera.
    """
    client = HttpClient(address, ca)
    pace = Pace(rate)
    retries = Retries(address.shown, pace)
    while True:
        try:
            is_stream = _is_stream(client)
            break
        except BlindsightError as error:
            retries.failed(error)
    retries.worked()
    if is_stream:
        return LiveCamera("http", address.shown, lambda: MjpegConnection(client), pace, rate).open()
    return SnapshotCamera(client, rate or _RATE)


def _is_stream(client: HttpClient) -> bool:
    response = client.get()
    response.close()
    return _boundary(response) is not None


class SnapshotCamera:
    """Fetches a picture whenever one is due: it is always the newest."""

    def __init__(self, client: HttpClient, rate: float) -> None:
        self._client, self._pace, self.rate = client, Pace(rate), rate
        self._name = client.address.shown
        self._retries = Retries(self._name, self._pace)
        self._retries.worked()
        self.skipped = 0

    @property
    def trouble(self) -> str:
        """Why there are no pictures now."""
        return self._retries.trouble

    @property
    def reconnects(self) -> int:
        """How often the camera failed and was asked again."""
        return self._retries.count

    def shots(self) -> Iterator[Shot]:
        """Pictures, for ever."""
        number = 0
        try:
            while True:
                self._pace.wait()
                if self._pace.stopped:
                    return
                try:
                    data = self._client.fetch()
                except BlindsightError as error:
                    self._retries.failed(error)
                    continue
                self._retries.worked()
                try:
                    picture = decode_picture(data, f"what {self._name} sent")
                except FrameError as error:
                    self.skipped += 1
                    log.warning("skipped a picture", reason=str(error))
                    continue
                yield Shot(picture, f"http:{number}")
                number += 1
        finally:
            self._client.close()

    def close(self) -> None:
        """End `shots`, once an answer that is on its way is there."""
        self._pace.stop()


class MjpegConnection:
    """A stream of pictures as parts of one answer (multipart/x-mixed-replace, RFC 2046)."""

    def __init__(self, client: HttpClient) -> None:
        self._client, self._name = client, f"the camera {client.address.shown}"
        self._response = client.get()
        boundary = _boundary(self._response)
        if boundary is None:
            self._response.close()
            raise FrameError(f"{self._name} sends no stream any more")
        self._boundary = b"--" + boundary
        self._pieces = self._response.iter_raw()
        self._buffer = bytearray()

    def read(self) -> bytes:
        """The next part's bytes. Raises `FrameError` when the stream ends, stalls, or is none."""
        self._read_until(self._boundary, MOST_BYTES)
        head = self._read_until(b"\r\n\r\n", _MOST_HEAD)
        length = re.search(rb"(?im)^content-length:[ \t]*(\d{1,9})[ \t]*\r?$", head)
        if length is None:
            return self._read_until(b"\r\n" + self._boundary, MOST_BYTES, keeps=len(self._boundary))
        size = int(length[1])
        if size > MOST_BYTES:
            raise FrameError(f"{self._name} announced a picture of {size:,} bytes; at most {MOST_BYTES:,} are read")
        while len(self._buffer) < size:
            self._receive()
        return self._cut(size, size)

    def picture(self, data: bytes) -> Picture:
        """The picture in a part."""
        return decode_picture(data, f"what {self._name} sent")

    def close(self) -> None:
        """End the answer."""
        self._response.close()

    def _read_until(self, mark: bytes, most: int, keeps: int = 0) -> bytes:
        """The bytes before `mark`, which is passed over but for its last `keeps` bytes."""
        start = 0
        while (place := self._buffer.find(mark, start)) < 0:
            start = max(len(self._buffer) - len(mark) + 1, 0)
            if len(self._buffer) > most:
                raise FrameError(f"{self._name} sends something else than a stream of pictures")
            self._receive()
        return self._cut(place, place + len(mark) - keeps)

    def _cut(self, size: int, used: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:used]
        return data

    def _receive(self) -> None:
        with self._client.explained():
            piece = next(self._pieces, None)
        if piece is None:
            raise FrameError(f"{self._name} has ended its stream")
        self._buffer += piece


def _boundary(response: httpx.Response) -> bytes | None:
    """The line that stands between the parts of a stream, without its dashes; None of what is no stream."""
    kind = response.headers.get("content-type", "")
    found = re.search(r'(?i)^multipart/.*boundary="?([^";\s]+)', kind)
    return found[1].lstrip("-").encode() if found else None
