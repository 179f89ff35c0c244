"""Sources of frames: folders of images, video files and webcams.

A folder is read with Pillow; videos and webcams need OpenCV, which the extra `camera` lists.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import ConfigurationError, FrameError
from common.installed import install_command
from common.logs import get_logger
from edge.camera.images import FrameShape, fit, read_image

#: The forms of a camera's name.
_FORMS = "folder:PATH, video:PATH, webcam:NUMBER or samples:MODEL"
#: The suffixes of the images in a folder.
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm")

log = get_logger(__name__)


@dataclass(frozen=True)
class Shot:
    """A frame, uint8 (h, w, c) in the model's shape, and its source, such as a file's name."""

    frame: NDArray[np.uint8]
    source: str = ""


class Camera(Protocol):
    """A source of frames."""

    def shots(self) -> Iterator[Shot]:
        """Frames as they come; ends with the folder or video, or soon after `close`.

        Raises `FrameError` when no further frame can be had.
        """

    def close(self) -> None:
        """End `shots`, from any thread, even while it waits."""


class Pace:
    """A schedule of at most `rate` frames a second; with None, frames come as fast as they can."""

    def __init__(
        self,
        rate: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._stop = threading.Event()
        self._period = 0.0 if rate is None else 1.0 / rate
        self._clock = clock
        self._sleep = sleep or self._stop.wait  # a wait that `stop` ends
        self._due = -math.inf

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End a `wait` that is going on, and all later ones."""
        self._stop.set()

    def early(self) -> bool:
        """Whether the next frame isn't due yet."""
        return not self.stopped and self._clock() < self._due

    def wait(self) -> None:
        """Return when the next frame is due, and schedule the one after it."""
        now = self._clock()
        if now < self._due:
            self._sleep(self._due - now)
        # From the due time, so that sleeping a little too long doesn't add up; but from now when
        # the consumer was slow, so that no burst makes up for it.
        self._due = max(self._due, now) + self._period


class FolderCamera:
    """The images of a folder in order of their names; `loop` begins again at the end."""

    def __init__(self, folder: Path, frame_shape: FrameShape, resize: bool, loop: bool, pace: Pace) -> None:
        self._paths = _images(folder)
        self._folder, self._frame_shape, self._resize, self._loop = folder, frame_shape, resize, loop
        self._pace = pace
        self.skipped = 0

    def shots(self) -> Iterator[Shot]:
        """Each image that fits; raises `FrameError` when it would loop for ever without any."""
        while True:
            before = self.skipped
            yield from self._once()
            if self._pace.stopped or not self._loop:
                return
            if self.skipped - before == len(self._paths):
                raise FrameError(
                    f"none of the {len(self._paths)} images in {self._folder} can be used; the warnings say why"
                )

    def close(self) -> None:
        """End `shots`; nothing is held open."""
        self._pace.stop()

    def _once(self) -> Iterator[Shot]:
        for path in self._paths:
            try:
                frame = read_image(path, self._frame_shape, self._resize)
            except FrameError as error:
                self.skipped += 1
                log.warning("skipped an image", file=path.name, reason=str(error))
                continue
            self._pace.wait()
            if self._pace.stopped:
                return
            yield Shot(frame, path.name)


class VideoCamera:
    """A video file (`source` is its path) or a webcam (its number), through OpenCV."""

    def __init__(self, source: str | int, frame_shape: FrameShape, resize: bool, loop: bool, pace: Pace) -> None:
        self._live = isinstance(source, int)
        self._kind = "webcam" if self._live else "video"
        self._source, self._frame_shape, self._resize, self._loop = source, frame_shape, resize, loop
        self._pace = pace
        self._capture = _open_capture(f"{self._kind}:{source}", source)
        self.skipped = 0  # and stays so: frames of a video are all alike, so one that doesn't fit ends it

    def shots(self) -> Iterator[Shot]:
        """Frames; raises `FrameError` when they don't fit the model or the webcam is gone."""
        number = 0
        try:
            while True:
                bgr = self._next()
                if self._pace.stopped:
                    return
                if bgr is not None:
                    yield Shot(self._fit(bgr), f"{self._kind}:{number}")
                    number += 1
                elif self._loop and number:
                    self._capture.release()
                    self._capture, number = _open_capture(f"{self._kind}:{self._source}", self._source), 0
                else:
                    return
        finally:
            # Not in `close`: OpenCV may crash when one thread releases what another one reads.
            self._capture.release()

    def close(self) -> None:
        """End `shots`, which lets go of the file or webcam."""
        self._pace.stop()

    def _next(self) -> NDArray[np.uint8] | None:
        """The next frame that is due, (h, w, 3) in OpenCV's order BGR; None at the end of a video."""
        # A webcam goes on while we wait. Its frames must be taken and dropped, or they queue up in
        # the driver and we would see the past.
        while self._live and self._pace.early() and self._capture.grab():
            pass
        self._pace.wait()
        is_there, bgr = self._capture.read()
        if self._live and not is_there:
            raise FrameError(f"webcam:{self._source} gives no more frames; is it still plugged in?")
        return bgr if is_there else None

    def _fit(self, bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
        image = Image.fromarray(np.ascontiguousarray(bgr[:, :, ::-1]))
        # OpenCV gives three channels even for a grey camera, made slightly unequal by the video's
        # compression, so they don't tell whether the camera sees colours.
        grey = self._frame_shape[2] == 1
        try:
            return fit(image.convert("L") if grey else image, self._frame_shape, self._resize)
        except FrameError as error:
            raise FrameError(f"a frame of {self._kind}:{self._source} {error}") from error


def open_camera(
    spec: str, frame_shape: FrameShape, *, resize: bool = False, rate: float | None = None, loop: bool = False
) -> Camera:
    """The camera that `spec` names, giving frames of `frame_shape` (h, w, c), at most `rate` per second.

    Raises `ConfigurationError` when there is no such camera, naming the forms of `spec`.
    """
    if rate is not None and not (rate > 0 and math.isfinite(rate)):
        raise ConfigurationError(f"rate is {rate}; give a number of frames per second above 0")
    kind, _, target = spec.partition(":")
    pace = Pace(rate)
    if kind == "folder" and target:
        return FolderCamera(Path(target), frame_shape, resize, loop, pace)
    if kind == "video" and target:
        if not Path(target).is_file():
            raise ConfigurationError(f"camera is {spec!r}, but there is no file {target}; give {_FORMS}")
        return VideoCamera(target, frame_shape, resize, loop, pace)
    if kind == "webcam" and target.isascii() and target.isdigit():
        return VideoCamera(int(target), frame_shape, resize, loop, pace)
    raise ConfigurationError(f"camera is {spec!r}; give {_FORMS}")


def _images(folder: Path) -> list[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
    except OSError as error:
        raise ConfigurationError(f"camera is folder:{folder}, which can't be read: {error.strerror}") from error
    if not paths:
        raise ConfigurationError(f"camera is folder:{folder}, which holds no images ({', '.join(_SUFFIXES)})")
    return paths


def _open_capture(spec: str, source: str | int) -> Any:
    try:
        import cv2
    except ImportError as error:
        raise ConfigurationError(
            f"camera is {spec}, which needs OpenCV, and that isn't installed; "
            f"run: {install_command('opencv-python-headless')}"
        ) from error
    capture = cv2.VideoCapture(source)
    if not capture.isOpened():
        raise ConfigurationError(f"camera is {spec}, which OpenCV can't open; give {_FORMS}")
    if isinstance(source, int):
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture
