"""Sources of pictures: folders of images, video files and webcams. They know nothing of the model.

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

from common.errors import ConfigurationError, FrameError
from common.installed import install_command
from common.logs import get_logger
from common.pictures.picture import Picture
from common.pictures.reading import SUFFIXES, read_picture

#: The forms of a camera's name.
_FORMS = "folder:PATH, video:PATH, webcam:NUMBER or samples:MODEL"

log = get_logger(__name__)


@dataclass(frozen=True)
class Shot:
    """A picture as it was taken, uint8 (h, w, 1|3), and its source, such as a file's name."""

    picture: Picture
    source: str = ""


class Camera(Protocol):
    """A source of pictures, in their own size."""

    def shots(self) -> Iterator[Shot]:
        """Pictures as they come; ends with the folder or video, or soon after `close`.

        Raises `FrameError` when no further picture can be had.
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

    def __init__(self, folder: Path, loop: bool, pace: Pace) -> None:
        self._paths = _images(folder)
        self._folder, self._loop, self._pace = folder, loop, pace
        self.skipped = 0

    def shots(self) -> Iterator[Shot]:
        """Each image that can be read; raises `FrameError` when none can."""
        while True:
            before = self.skipped
            yield from self._once()
            if self.skipped - before == len(self._paths):
                raise FrameError(
                    f"none of the {len(self._paths)} images in {self._folder} can be used; the warnings say why"
                )
            if self._pace.stopped or not self._loop:
                return

    def close(self) -> None:
        """End `shots`; nothing is held open."""
        self._pace.stop()

    def _once(self) -> Iterator[Shot]:
        for path in self._paths:
            try:
                picture = read_picture(path)
            except FrameError as error:
                self.skipped += 1
                log.warning("skipped an image", file=path.name, reason=str(error))
                continue
            self._pace.wait()
            if self._pace.stopped:
                return
            yield Shot(picture, path.name)


class VideoCamera:
    """A video file (`source` is its path) or a webcam (its number), through OpenCV."""

    def __init__(self, source: str | int, loop: bool, pace: Pace) -> None:
        self._live = isinstance(source, int)
        self._kind = "webcam" if self._live else "video"
        self._source, self._loop, self._pace = source, loop, pace
        self._capture = _open_capture(f"{self._kind}:{source}", source)
        self.skipped = 0

    def shots(self) -> Iterator[Shot]:
        """Frames of the video; raises `FrameError` when the webcam is gone."""
        number = 0
        try:
            while True:
                bgr = self._next()
                if self._pace.stopped:
                    return
                if bgr is not None:
                    yield Shot(np.ascontiguousarray(bgr[:, :, ::-1]), f"{self._kind}:{number}")
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


def open_camera(spec: str, *, rate: float | None = None, loop: bool = False) -> Camera:
    """The camera that `spec` names, giving pictures in their own size, at most `rate` per second.

    Raises `ConfigurationError` when there is no such camera, naming the forms of `spec`.
    """
    if rate is not None and not (rate > 0 and math.isfinite(rate)):
        raise ConfigurationError(f"rate is {rate}; give a number of frames per second above 0")
    kind, _, target = spec.partition(":")
    pace = Pace(rate)
    if kind == "folder" and target:
        return FolderCamera(Path(target), loop, pace)
    if kind == "video" and target:
        if not Path(target).is_file():
            raise ConfigurationError(f"camera is {spec!r}, but there is no file {target}; give {_FORMS}")
        return VideoCamera(target, loop, pace)
    if kind == "webcam" and target.isascii() and target.isdigit():
        return VideoCamera(int(target), loop, pace)
    raise ConfigurationError(f"camera is {spec!r}; give {_FORMS}")


def _images(folder: Path) -> list[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    except OSError as error:
        raise ConfigurationError(f"camera is folder:{folder}, which can't be read: {error.strerror}") from error
    if not paths:
        raise ConfigurationError(f"camera is folder:{folder}, which holds no images ({', '.join(SUFFIXES)})")
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
