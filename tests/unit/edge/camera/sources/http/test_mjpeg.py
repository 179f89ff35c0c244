"""MJPEG streams by HTTP, on a real server that does what cameras do."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge.camera.sources import http_client
from tests.unit.edge.camera.sources.http.answers import ENDLESS, counting, shades, stream
from tests.unit.edge.camera.sources.http.http_server import Answer, CameraServer, begin_stream, jpeg, send_part


@pytest.mark.parametrize("with_length", [True, False])
@pytest.mark.slow
def test_the_newest_picture_of_a_stream_counts(connect: Callable[..., Any], with_length: bool) -> None:
    camera = connect(stream(jpeg(10), jpeg(20), jpeg(200), with_length=with_length), rate=2.0)
    shots = camera.shots()
    next(shots)
    assert int(next(shots).picture.mean().round()) == 200  # half a second later: what came in between is gone
    assert camera.reconnects == 0


def test_a_stream_may_change_its_size_and_send_a_damaged_picture(
    connect: Callable[..., Any], serve: Callable[..., CameraServer]
) -> None:
    go_on = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        begin_stream(request)
        send_part(request, jpeg(10))
        go_on.wait()
        for body in (b"damaged", jpeg(30)[:200], jpeg(40, size=(32, 24))):
            send_part(request, body)
            time.sleep(0.1)

    camera = connect(answer)
    shots = camera.shots()
    assert next(shots).picture.shape == (48, 64, 1)
    go_on.set()
    assert next(shots).picture.shape == (24, 32, 1)
    assert camera.skipped == 2


def test_a_stream_that_ends_is_connected_to_again(connect: Callable[..., Any]) -> None:
    camera = connect(stream(jpeg(10), jpeg(20), forever=False))
    with capture_logs() as logs:
        assert len(shades(camera, 5)) == 5
    assert camera.reconnects >= 1
    assert logs[0]["reason"].endswith("has ended its stream")


def test_a_stream_that_stalls_is_connected_to_again(
    connect: Callable[..., Any], serve: Callable[..., CameraServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_SILENCE", 0.2)
    stalls = threading.Event()

    def stalling(request: BaseHTTPRequestHandler) -> None:
        begin_stream(request)
        send_part(request, jpeg(10))
        stalls.wait(5)

    server = serve(stalling)
    camera = connect(server)
    shots = camera.shots()
    next(shots)
    server.answer = stream(jpeg(60))
    with capture_logs() as logs:
        assert int(next(shots).picture.mean().round()) == 60
    stalls.set()
    assert logs[0]["reason"].endswith("was silent for 0 s")


def test_a_stream_whose_picture_never_gets_done_is_connected_to_again(
    connect: Callable[..., Any], serve: Callable[..., CameraServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_MOST_SECONDS", 0.3)

    def trickle(request: BaseHTTPRequestHandler) -> None:
        begin_stream(request)
        send_part(request, jpeg(10))
        while True:
            request.wfile.write(b"x")
            time.sleep(0.02)

    server = serve(trickle)
    shots = connect(server).shots()
    next(shots)
    server.answer = stream(jpeg(60))
    assert int(next(shots).picture.mean().round()) == 60


@pytest.mark.parametrize("answer", ENDLESS[:2])
def test_a_stream_whose_answer_never_begins_is_connected_to_again(
    answer: Answer, connect: Callable[..., Any], serve: Callable[..., CameraServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_MOST_SECONDS", 0.3)
    server = serve(stream(jpeg(10), forever=False))
    camera = connect(server)
    shots = camera.shots()
    next(shots)
    server.answer = answer
    time.sleep(0.2)  # it is connected to again
    server.answer = stream(jpeg(60))
    assert int(next(shots).picture.mean().round()) == 60


def test_a_stream_that_is_none_any_more_is_waited_for(
    connect: Callable[..., Any], serve: Callable[..., CameraServer]
) -> None:
    server = serve(stream(jpeg(10), forever=False))
    camera = connect(server)
    shots = camera.shots()
    next(shots)
    server.answer = counting
    time.sleep(0.2)
    server.answer = stream(jpeg(60))
    assert int(next(shots).picture.mean().round()) == 60


@pytest.mark.slow
def test_close_ends_the_wait_for_a_picture(connect: Callable[..., Any]) -> None:
    def stalling(request: BaseHTTPRequestHandler) -> None:
        begin_stream(request)
        send_part(request, jpeg(10))
        time.sleep(1)

    camera = connect(stalling)
    shots = camera.shots()
    next(shots)
    threading.Timer(0.05, camera.close).start()
    assert list(shots) == []


def test_what_the_reading_thread_stumbles_over_is_raised(
    connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = connect(stream(jpeg(10), forever=False))
    monkeypatch.setattr(camera, "_connect", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(camera.shots())
