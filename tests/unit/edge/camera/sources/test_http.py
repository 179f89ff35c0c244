"""Cameras by HTTP, snapshots and MJPEG streams, on a real server that does what cameras do."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from common.errors import ConfigurationError, FrameError
from edge.camera.sources import http_client
from edge.camera.sources.live import LiveCamera
from edge.camera.sources.opening import open_camera
from tests.integration.certificates import Authority
from tests.unit.edge.camera.sources.http_server import (
    PASSWORD,
    USER,
    Answer,
    CameraServer,
    asking_for,
    begin_stream,
    camera_server,
    jpeg,
    send,
    send_part,
)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.camera.sources.retries._FIRST_PAUSE", 0.05)
    monkeypatch.setattr("edge.camera.sources.retries._FIRST_SECONDS", 0.3)


@pytest.fixture
def serve() -> Iterator[Callable[..., CameraServer]]:
    with ExitStack() as stack:
        yield lambda answer, tls=None: stack.enter_context(camera_server(answer, tls))


@pytest.fixture
def connect(serve: Callable[..., CameraServer]) -> Iterator[Callable[..., Any]]:
    """Opens the camera at a server that answers so."""
    opened: list[Any] = []

    def start(answer: Answer | CameraServer, rate: float = 50.0, **options: Any) -> Any:
        server = answer if isinstance(answer, CameraServer) else serve(answer)
        opened.append(open_camera(server.url, rate=rate, **options))
        return opened[-1]

    yield start
    for each in opened:
        each.close()
        if isinstance(each, LiveCamera):
            each._reader.join(5)


def shades(camera: Any, count: int) -> list[int]:
    return [int(shot.picture.mean().round()) for shot in islice(camera.shots(), count)]


def counting(request: BaseHTTPRequestHandler) -> None:
    """Snapshots that get lighter with each request."""
    counting.number += 5  # type: ignore[attr-defined]
    send(request, jpeg(counting.number))  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _from_the_start() -> None:
    counting.number = 0  # type: ignore[attr-defined]


# Snapshots


def test_a_snapshot_is_fetched_whenever_one_is_due(connect: Callable[..., Any]) -> None:
    shots = list(islice(connect(counting).shots(), 3))
    assert [int(shot.picture.mean().round()) for shot in shots] == [10, 15, 20]  # the first request asked what it is
    assert [shot.source for shot in shots] == ["http:0", "http:1", "http:2"]


def test_without_a_rate_it_is_fetched_once_a_second(serve: Callable[..., CameraServer]) -> None:
    assert open_camera(serve(counting).url).rate == 1.0  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", ["Basic", "Digest"])
def test_user_and_password_come_from_a_file(connect: Callable[..., Any], way: str, tmp_path: Path) -> None:
    (tmp_path / "login").write_text(f"{USER}:{PASSWORD}\n")
    assert shades(connect(asking_for(way, counting), password_file=tmp_path / "login"), 2) == [10, 15]


@pytest.mark.parametrize("way", ["Basic", "Digest"])
@pytest.mark.parametrize(
    ("login", "says"),
    [
        (None, "asks for a user and a password; give --camera-password-file"),
        ("admin:hunter3", "refuses this user and password; check the file of --camera-password-file"),
    ],
)
def test_a_401_says_which_setting_is_wrong_at_once(
    serve: Callable[..., CameraServer], way: str, login: str | None, says: str, tmp_path: Path
) -> None:
    (tmp_path / "login").write_text(login or "")
    server = serve(asking_for(way, counting))
    with pytest.raises(ConfigurationError, match=says) as error:
        open_camera(server.url, password_file=None if login is None else tmp_path / "login")
    assert "hunter3" not in str(error.value)


@pytest.mark.parametrize(
    "challenge",
    ["Digest realm", 'Digest realm="a", nonce="b", algorithm=X', 'Digest realm="a", nonce="b", qop="auth-int"'],
)
@pytest.mark.slow
def test_a_401_that_asks_in_no_known_way_is_an_error_of_the_camera(
    serve: Callable[..., CameraServer], challenge: str
) -> None:
    def asking(request: BaseHTTPRequestHandler) -> None:
        request.send_response(401)
        request.send_header("WWW-Authenticate", challenge)
        request.send_header("Content-Length", "0")
        request.end_headers()

    with pytest.raises(FrameError, match="asks for a password in a way that can't be read"):
        open_camera(serve(asking).url.replace("//", "//me:hunter2@"))


def test_a_password_in_the_address_is_in_no_log_and_no_error(
    serve: Callable[..., CameraServer], connect: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(asking_for("Basic", counting))
    url = f"{server.url.replace('//', f'//{USER}:hunter2%3Ab@')}?token=t0psecret"
    with capture_logs() as logs, caplog.at_level("INFO"):
        camera = open_camera(url, rate=50.0)
        shots = camera.shots()
        assert next(shots).picture.shape == (48, 64, 1)
        server.answer = lambda request: send(request, b"", status=503)
        threading.Timer(0.1, lambda: setattr(server, "answer", counting)).start()
        next(shots)
        camera.close()
    assert server.requests[-1] == "/picture?token=t0psecret"
    for secret in ("hunter2", "t0psecret"):
        assert secret not in f"{logs} {caplog.text} {camera!r} {vars(camera)}"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (404, "answers 404 Not Found; check the address"),
        (302, "answers 302 Found, which leads elsewhere; give that address: https://other/x"),
    ],
)
def test_an_answer_that_will_not_change_ends_the_start(
    serve: Callable[..., CameraServer], status: int, says: str
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Location", "https://u:hunter2@other/x?y=hunter2")
        request.send_header("Content-Length", "0")
        request.end_headers()

    with pytest.raises(ConfigurationError, match=says) as error:
        open_camera(serve(answer).url)
    assert "hunter2" not in str(error.value).replace("u:", "")


def test_a_camera_that_is_not_there_ends_the_start_after_some_attempts() -> None:
    with camera_server(counting) as gone:
        pass
    with capture_logs() as logs, pytest.raises(FrameError, match=r"can't be reached: .*Connection refused"):
        open_camera(gone.url)
    assert len(logs) >= 2
    assert {entry["event"] for entry in logs} == {"the camera gives no picture"}


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

    camera = connect(endless)
    with capture_logs() as logs:
        threading.Timer(0.2, camera.close).start()
        assert list(camera.shots()) == []
    assert logs[0]["reason"].endswith("sent over 100,000 bytes")


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

    camera = connect(trickle)
    with capture_logs() as logs:
        threading.Timer(0.5, camera.close).start()
        assert list(camera.shots()) == []
    assert logs[0]["reason"].endswith("took over 0 s for a picture")


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


@pytest.mark.parametrize("answer", ENDLESS)
def test_an_answer_that_never_begins_is_given_up(
    answer: Answer, connect: Callable[..., Any], serve: Callable[..., CameraServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_MOST_SECONDS", 0.2)
    server = serve(counting)
    camera = connect(server)
    server.answer = answer
    with capture_logs() as logs:
        threading.Timer(0.5, camera.close).start()
        assert list(camera.shots()) == []
    assert logs[0]["reason"].endswith("took over 0 s for a picture")
    if answer is not chunk_whose_size_never_ends:  # at the start, a head is all that is waited for
        with pytest.raises(FrameError, match="took over 0 s for a picture"):
            connect(server)


# Streams


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


# TLS


def test_a_certificate_that_nobody_knows_is_refused_unless_it_is_given(
    serve: Callable[..., CameraServer], connect: Callable[..., Any], tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    server = serve(counting, authority.issue("cam"))
    with pytest.raises(ConfigurationError, match="a certificate that isn't trusted; give --camera-ca-file"):
        connect(server)
    assert shades(connect(server, ca=authority.ca), 2) == [10, 15]
    (tmp_path / "none.crt").write_text("no certificate")
    with pytest.raises(ConfigurationError, match=r"camera_ca_file is .*none.crt, which is no certificate"):
        connect(server, ca=tmp_path / "none.crt")
