"""Snapshots by HTTP, on a real server that does what cameras do."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from itertools import islice
from typing import Any

import pytest
from structlog.testing import capture_logs

from common.errors import FrameError
from edge.camera.sources import http_client
from edge.camera.sources.opening import open_camera
from tests.unit.edge.camera.sources.http.answers import ENDLESS, chunk_whose_size_never_ends, counting, given_up, shades
from tests.unit.edge.camera.sources.http.http_server import Answer, CameraServer, jpeg, send


def test_a_snapshot_is_fetched_whenever_one_is_due(connect: Callable[..., Any]) -> None:
    shots = list(islice(connect(counting).shots(), 3))
    assert [int(shot.picture.mean().round()) for shot in shots] == [10, 15, 20]  # the first request asked what it is
    assert [shot.source for shot in shots] == ["http:0", "http:1", "http:2"]


def test_without_a_rate_it_is_fetched_once_a_second(serve: Callable[..., CameraServer]) -> None:
    assert open_camera(serve(counting).url).rate == 1.0  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_camera_that_goes_away_later_is_waited_for(
    serve: Callable[..., CameraServer], connect: Callable[..., Any]
) -> None:
    server = serve(counting)
    camera = connect(server)
    shots = camera.shots()
    next(shots)
    server.answer = lambda request: send(request, b"", status=503)
    threading.Timer(0.4, lambda: setattr(server, "answer", counting)).start()
    with capture_logs() as logs:
        assert int(next(shots).picture.mean().round()) == 15
    assert camera.reconnects >= 2 and camera.trouble == ""
    reasons = [entry["reason"] for entry in logs if entry["event"] == "the camera gives no picture"]
    assert reasons[0].endswith("answers 503 Service Unavailable")
    assert logs[-1]["event"] == "the camera gives pictures again"
    waits = [entry["next_attempt_s"] for entry in logs[:-1]]
    assert waits[:3] == [0.05, 0.1, 0.2]


def test_a_damaged_picture_is_skipped(serve: Callable[..., CameraServer], connect: Callable[..., Any]) -> None:
    bodies = iter([jpeg(10), jpeg(20), jpeg(30)[:300], b"<html>hello</html>", jpeg(50)])
    camera = connect(lambda request: send(request, next(bodies)))
    assert shades(camera, 2) == [20, 50]
    assert (camera.skipped, camera.reconnects) == (2, 0)


def test_a_picture_without_end_is_not_kept_in_memory(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "MOST_BYTES", 100_000)

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(bytes(10_000))

    assert given_up(connect(endless), 0.2).endswith("sent over 100,000 bytes")


def test_a_slow_link_is_waited_for_as_long_as_something_comes(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_SILENCE", 0.3)

    def slowly(request: BaseHTTPRequestHandler) -> None:
        body = jpeg(90)
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        for start in range(0, len(body), 100):
            time.sleep(0.06)
            request.wfile.write(body[start : start + 100])

    assert shades(connect(slowly), 1) == [90]


def test_one_that_never_gets_done_is_given_up(connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "_MOST_SECONDS", 0.2)

    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.send_response(200)
        request.end_headers()
        while True:
            time.sleep(0.02)
            request.wfile.write(b"x")

    assert given_up(connect(trickle), 0.5).endswith("took over 0 s for a picture")


@pytest.mark.parametrize("answer", ENDLESS)
def test_an_answer_that_never_begins_is_given_up(
    answer: Answer, connect: Callable[..., Any], serve: Callable[..., CameraServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_MOST_SECONDS", 0.2)
    server = serve(counting)
    camera = connect(server)
    server.answer = answer
    assert given_up(camera, 0.5).endswith("took over 0 s for a picture")
    if answer is not chunk_whose_size_never_ends:  # at the start, a head is all that is waited for
        with pytest.raises(FrameError, match="took over 0 s for a picture"):
            connect(server)
