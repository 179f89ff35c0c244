"""Webcams and RTSP streams, which OpenCV reads."""

import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.pictures.opencv import import_opencv
from common.pictures.picture import Picture
from common.quoting import shown
from edge.camera.sources.address import Address

#: Seconds for which a camera may stay silent, when it is connected to and later.
_SILENCE = 10.0
#: Reads in a row that may fail: after a lost packet, a stream has nothing to show until its next whole picture.
_FAILURES = 100


class OpenCvConnection:
    """A stream or webcam that OpenCV has opened, giving pictures (h, w, 3) in its order BGR."""

    def __init__(self, capture: Any, name: str) -> None:
        self._capture, self._name = capture, name

    def read(self) -> NDArray[np.uint8]:
        """The next picture. Raises `FrameError` when none comes for a while."""
        until = time.monotonic() + _SILENCE
        for _ in range(_FAILURES):
            is_there, bgr = self._capture.read()
            if is_there:
                return bgr  # type: ignore[no-any-return]
            if time.monotonic() >= until:
                break
        raise FrameError(f"{self._name} gives no more pictures")

    def picture(self, data: NDArray[np.uint8]) -> Picture:
        """The same in RGB."""
        return np.ascontiguousarray(data[:, :, ::-1])

    def close(self) -> None:
        """Let go of it. Only the thread that reads may: OpenCV may crash otherwise."""
        self._capture.release()


def open_webcam(path: str) -> OpenCvConnection:
    """The webcam at /dev/video… or another path.

    Raises `FrameError` for one that can't be opened, and `ConfigurationError` where there is none, or no OpenCV.
    """
    cv2 = import_opencv(f"the camera {path}")
    capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    if not capture.isOpened() and not Path(path).exists():
        there = ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"
        raise ConfigurationError(f"the webcam {path} isn't there; webcams of this machine: {there}")
    if not capture.isOpened():
        raise FrameError(f"the webcam {path} can't be opened; does another program use it?")
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return OpenCvConnection(capture, f"the webcam {path}")


def open_rtsp(address: Address) -> OpenCvConnection:
    """An RTSP stream. Raises `FrameError` or `ConfigurationError`, which say what the camera has answered."""
    cv2 = import_opencv(f"the camera {address.shown}")
    milliseconds = int(_SILENCE * 1000)
    times = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
    capture = cv2.VideoCapture(address.full_url, cv2.CAP_FFMPEG, times)
    if not capture.isOpened():
        raise _why_closed(address)
    return OpenCvConnection(capture, f"the camera {address.shown}")


def _why_closed(address: Address) -> FrameError | ConfigurationError:
    """Why OpenCV can't open a stream. It doesn't say, so the camera is asked to describe the stream (RFC 2326)."""
    request = f"DESCRIBE {address.url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    try:
        with socket.create_connection((address.host, address.port), timeout=_SILENCE) as connection:
            connection.sendall(request.encode())
            answer = connection.recv(1024).partition(b"\r\n")[0]
    except OSError as error:
        return FrameError(f"the camera {address.shown} can't be reached: {error.strerror or error}")
    protocol, _, status = answer.decode(errors="replace").partition(" ")
    if not protocol.startswith("RTSP/"):
        return ConfigurationError(f"the camera {address.shown} doesn't speak RTSP; check the port")
    if status.startswith(("401", "403")):
        return address.refusal()
    if status.startswith("4"):
        return ConfigurationError(f"the camera {address.shown} answers {shown(status)}; check the path")
    return FrameError(f"OpenCV can't open the stream of the camera {address.shown}, which answers {shown(status)}")
