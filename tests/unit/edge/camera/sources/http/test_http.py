"""What ends the start of a camera by HTTP: users, passwords, certificates and addresses."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from common.errors import ConfigurationError, FrameError
from edge.camera.sources.opening import open_camera
from tests.integration.certificates import Authority
from tests.unit.edge.camera.sources.http.answers import counting, shades
from tests.unit.edge.camera.sources.http.http_server import (
    PASSWORD,
    USER,
    CameraServer,
    asking_for,
    camera_server,
    send,
)


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
