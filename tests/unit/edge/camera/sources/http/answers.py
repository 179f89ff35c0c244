"""What cameras answer by HTTP, well and badly; and what comes of it."""

import threading
import time
from http.server import BaseHTTPRequestHandler
from itertools import islice
from typing import Any

from structlog.testing import capture_logs

from tests.unit.edge.camera.sources.http.http_server import Answer, begin_stream, jpeg, send, send_part


def counting(request: BaseHTTPRequestHandler) -> None:
    """Snapshots that get lighter with each request."""
    counting.number += 5  # type: ignore[attr-defined]
    send(request, jpeg(counting.number))  # type: ignore[attr-defined]


def stream(*pictures: bytes, forever: bool = True, with_length: bool = True) -> Answer:
    """A stream of these pictures, 100 a second; the last one for ever."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        begin_stream(request)
        for picture in pictures:
            send_part(request, picture, with_length)
            time.sleep(0.01)
        while forever:
            send_part(request, pictures[-1], with_length)
            time.sleep(0.01)

    return answer


def head_without_end(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        request.wfile.write(b"x")
        time.sleep(0.02)


def early_hints_without_end(request: BaseHTTPRequestHandler) -> None:
    while True:
        request.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" * 20)


def chunk_whose_size_never_ends(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
    while True:
        request.wfile.write(b"x")
        time.sleep(0.02)


ENDLESS = [head_without_end, early_hints_without_end, chunk_whose_size_never_ends]


def shades(camera: Any, count: int) -> list[int]:
    return [int(shot.picture.mean().round()) for shot in islice(camera.shots(), count)]


def given_up(camera: Any, seconds: float) -> str:
    """Why a camera that is closed after so many seconds gave no picture until then."""
    with capture_logs() as logs:
        threading.Timer(seconds, camera.close).start()
        assert list(camera.shots()) == []
    return str(logs[0]["reason"])
