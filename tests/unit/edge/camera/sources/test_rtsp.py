"""RTSP streams, on GStreamer's server; skipped where Debian's packages for it aren't installed."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from common.errors import ConfigurationError, FrameError
from edge.camera.sources import opencv
from edge.camera.sources.opening import open_camera

PYTHON = Path("/usr/bin/python3")
SERVER = Path(__file__).with_name("rtsp_server.py")
_IMPORT = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PYTHON.exists()
        or subprocess.run([PYTHON, "-c", _IMPORT], capture_output=True, check=False).returncode != 0,
        reason="needs GStreamer's RTSP server: apt install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good "
        "python3-gi",
    ),
]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.camera.sources.retries._FIRST_PAUSE", 0.1)
    monkeypatch.setattr("edge.camera.sources.retries._FIRST_SECONDS", 0.5)
    monkeypatch.setattr(opencv, "_SILENCE", 2.0)


@dataclass
class Server:
    """A running server, and its port."""

    process: subprocess.Popen[str]
    port: int

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts a server, at a free port by default; its stream is red."""
    servers: list[Server] = []

    def start(width: int = 64, height: int = 48, *login: str, port: int = 0) -> Server:
        command = [PYTHON, SERVER, str(port), str(width), str(height), *login]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        servers.append(Server(process, int(process.stdout.readline())))
        return servers[-1]

    yield start
    for each in servers:
        each.kill()
        assert each.process.stdout is not None
        each.process.stdout.close()


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    opened: list[Any] = []

    def start(server: Server, path: str = "/live", **options: Any) -> Any:
        opened.append(open_camera(f"rtsp://127.0.0.1:{server.port}{path}", **options))
        return opened[-1]

    yield start
    for each in opened:
        each.close()
        each._reader.join(10)


def test_pictures_come_in_rgb(serve: Callable[..., Server], connect: Callable[..., Any]) -> None:
    shot = next(connect(serve()).shots())
    assert shot.picture.shape == (48, 64, 3)
    assert np.allclose(shot.picture[20, 20], (255, 0, 0), atol=24)
    assert shot.source == "rtsp:0"


def test_a_stream_that_ends_is_opened_again_in_another_size(
    serve: Callable[..., Server], connect: Callable[..., Any]
) -> None:
    server = serve()
    camera = connect(server)
    shots = camera.shots()
    next(shots)
    server.kill()
    serve(96, 80, port=server.port)
    with capture_logs() as logs:
        while next(shots).picture.shape != (80, 96, 3):
            pass
    assert camera.reconnects >= 1
    assert logs[-1]["event"] == "the camera gives pictures again"


def test_a_stream_that_stalls_is_opened_again(serve: Callable[..., Server], connect: Callable[..., Any]) -> None:
    server = serve()
    camera = connect(server)
    shots = camera.shots()
    next(shots)
    server.process.send_signal(signal.SIGSTOP)
    until = time.monotonic() + 20
    while not camera.trouble and time.monotonic() < until:
        time.sleep(0.05)
    assert camera.trouble.endswith("gives no more pictures")
    server.process.send_signal(signal.SIGCONT)
    pictures = islice(shots, 3)  # the first of them may be from before it stalled
    assert [shot.picture.shape for shot in pictures] == [(48, 64, 3)] * 3


def test_user_and_password_are_needed_where_the_camera_asks(
    serve: Callable[..., Server], connect: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve(64, 48, "admin", "hunter2:@b")
    with pytest.raises(ConfigurationError, match="asks for a user and a password; give --camera-password-file"):
        connect(server)
    (tmp_path / "login").write_text("admin:hunter3")
    with pytest.raises(ConfigurationError, match="refuses this user and password; check the file") as error:
        connect(server, password_file=tmp_path / "login")
    assert "hunter3" not in str(error.value)
    (tmp_path / "login").write_text("admin:hunter2:@b\n")
    assert next(connect(server, password_file=tmp_path / "login").shots()).picture.shape == (48, 64, 3)


def test_a_wrong_path_and_a_camera_that_is_not_there_end_the_start_without_a_word_of_opencv(
    serve: Callable[..., Server], connect: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    server = serve()
    with pytest.raises(ConfigurationError, match=r"/other answers 404 .*; check the path"):
        connect(server, "/other")
    server.kill()
    with pytest.raises(FrameError, match="can't be reached: Connection refused"):
        connect(server)
    said = capfd.readouterr().err
    assert "OpenCV" not in said and "VIDEOIO" not in said and "[rtsp" not in said and "[tcp" not in said


def test_a_program_that_forgets_to_close_it_ends_all_the_same(serve: Callable[..., Server]) -> None:
    program = f"""
from edge.camera.sources.opening import open_camera
print(next(open_camera("rtsp://127.0.0.1:{serve().port}/live").shots()).picture.shape)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(48, 64, 3)\n", "")
