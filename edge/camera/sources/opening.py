"""The camera that a setting names."""

import math
import re
from pathlib import Path

from common.errors import ConfigurationError
from edge.camera.cameras import Camera
from edge.camera.sources.address import PORTS, Address, parse_address
from edge.camera.sources.folder import FolderCamera
from edge.camera.sources.live import LiveCamera
from edge.camera.sources.opencv import open_rtsp, open_webcam
from edge.camera.sources.pace import Pace
from edge.camera.sources.picamera import open_picamera
from edge.camera.sources.video import VideoCamera
from edge.camera.sources.watched import WatchedFolder

#: The forms of a camera's name.
FORMS = "folder:PATH, video:PATH, webcam:N, /dev/videoN, rtsp://…, http://…, https://…, picamera2:N or samples:MODEL"


def open_camera(
    spec: str,
    *,
    rate: float | None = None,
    loop: bool = False,
    memory: Path | None = None,
    password_file: Path | None = None,
    ca: Path | None = None,
) -> Camera:
    """The camera that `spec` names, giving pictures in their own size, at most `rate` per second.

    `loop` begins a folder or video anew at its end. With `memory`, the pictures that a folder receives follow: it is
    the file that remembers which were taken. `password_file` holds USER:PASSWORD of a camera in the network, and `ca`
    is the certificate that an https:// camera's own is signed by. A camera that is live has given a picture, or an
    answer, when this returns.

    Raises `ConfigurationError`, naming the forms of `spec` where there is no such camera, and `FrameError` when a
    camera gives no picture for 20 s.
    """
    if rate is not None and not (rate > 0 and math.isfinite(rate)):
        raise ConfigurationError(f"rate is {rate}; give a number of pictures per second above 0")
    kind, _, target = spec.partition(":")
    if memory is not None and (kind != "folder" or loop):
        raise ConfigurationError("watch is for folders, and not together with loop; leave out one of them")
    if kind in PORTS and target.startswith("//"):
        address = parse_address(spec, password_file)
        if kind != "rtsp":
            return _open_http(address, rate, ca)
        return LiveCamera("rtsp", address.shown, lambda: open_rtsp(address), Pace(rate), rate).open()
    if kind == "folder" and target:
        if memory is not None:
            return WatchedFolder(Path(target), Pace(rate), memory, rate)
        return FolderCamera(Path(target), loop, Pace(rate), rate)
    if kind == "video" and target:
        if not Path(target).is_file():
            raise ConfigurationError(f"camera is {spec!r}, but there is no file {target}; give {FORMS}")
        return VideoCamera(target, loop, Pace(rate), rate)
    if found := re.fullmatch(r"webcam:(\d{1,3})|(/dev/.+)", spec, re.ASCII):
        path = found[2] or f"/dev/video{found[1]}"
        return LiveCamera("webcam", path, lambda: open_webcam(path), Pace(rate), rate).open()
    if found := re.fullmatch(r"picamera2:(\d{1,3})", spec, re.ASCII):
        number = int(found[1])
        return LiveCamera("picamera2", spec, lambda: open_picamera(number), Pace(rate), rate).open()
    # An address may hold a password, mistyped or not.
    what = repr(spec) if "//" not in spec else f"an address that begins with {kind}:"
    hint = f"folder:{spec}" if spec and "//" not in spec and Path(spec).is_dir() else FORMS
    raise ConfigurationError(f"camera is {what}; give {hint}")


def _open_http(address: Address, rate: float | None, ca: Path | None) -> Camera:
    from edge.camera.sources.http import open_http  # here, since httpx takes a moment to import

    return open_http(address, rate, ca)
