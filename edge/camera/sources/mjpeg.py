"""Streams of JPEG pictures by HTTP (MJPEG): parts of an answer without end (multipart/x-mixed-replace, RFC 2046)."""

import re

import httpx

from common.errors import FrameError
from common.pictures.picture import Picture
from common.pictures.reading import decode_picture
from edge.camera.sources.http_client import MOST_BYTES, HttpClient

#: Bytes of a part's head, at most.
_MOST_HEAD = 1 << 14


class MjpegConnection:
    """A stream's connection. Raises what `HttpClient.get` does, and `FrameError` where the answer is no stream."""

    def __init__(self, client: HttpClient) -> None:
        self._client, self._name = client, f"the camera {client.address.shown}"
        self._response = client.get()
        boundary = boundary_of(self._response)
        if boundary is None:
            self._response.close()
            raise FrameError(f"{self._name} sends no stream any more")
        self._boundary = b"--" + boundary
        self._pieces = self._response.iter_raw()
        self._buffer = bytearray()

    def read(self) -> bytes:
        """The next part's bytes. Raises `FrameError` when the stream ends, stalls, is none, or takes too long."""
        with self._client.bounded():
            return self._read()

    def _read(self) -> bytes:
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


def boundary_of(response: httpx.Response) -> bytes | None:
    """The line that stands between the parts of a stream, without its dashes; None of what is no stream."""
    kind = response.headers.get("content-type", "")
    found = re.search(r'(?i)^multipart/.*boundary="?([^";\s]+)', kind)
    return found[1].lstrip("-").encode() if found else None
