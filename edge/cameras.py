"""Where frames come from: a folder of pictures, a video file, a webcam; all at a set rate if wanted."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray
from PIL import Image

from common.errors import ConfigurationError, FrameError

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm"}
_FORMS = "folder:PATH, video:PATH or webcam:NUMBER"

log = structlog.get_logger()


@dataclass(frozen=True)
class Shot:
    """A frame (h, w, c) uint8 and where it comes from."""

    frame: NDArray[np.uint8]
    source: str


class Camera(Protocol):
    """A source of frames that fit the model; those that don't are skipped and said."""

    def shots(self) -> Iterator[Shot]:
        """Frames until the source ends; may wait for the next."""
        ...

    def close(self) -> None:
        """Let go of the device or file."""
        ...


def open_camera(
    spec: str,
    frame_shape: tuple[int, int, int],
    *,
    resize: bool = False,
    rate: float | None = None,
    loop: bool = False,
) -> Camera:
    """A camera from folder:PATH, video:PATH or webcam:NUMBER.

    `rate` bounds the frames a second. Raises `ConfigurationError` for what can't be opened.
    """
    kind, _, where = spec.partition(":")
    pace = Pace(rate)
    if kind == "folder" and where:
        return FolderCamera(Path(where), frame_shape, resize, pace, loop)
    if kind == "video" and where:
        if not Path(where).is_file():
            raise ConfigurationError(f"camera is {spec!r}, and there is no file {where}")
        return VideoCamera(where, spec, frame_shape, resize, pace, loop)
    if kind == "webcam" and where.isdigit():
        return VideoCamera(int(where), spec, frame_shape, resize, pace, loop=False)
    raise ConfigurationError(f"camera is {spec!r}; give {_FORMS}")


def fit(image: Image.Image, frame_shape: tuple[int, int, int], resize: bool) -> NDArray[np.uint8]:
    """A picture as a frame (h, w, c) uint8 of the model's shape.

    Raises `FrameError` when size or colours differ and `resize` is off.
    """
    height, width, channels = frame_shape
    mode = "L" if channels == 1 else "RGB"
    colours = 1 if _is_grey(image) else 3
    if not resize and (image.size != (width, height) or colours != channels):
        raise FrameError(
            f"it has {image.height}×{image.width} pixels and {colours} channel(s), the model takes "
            f"{height}×{width} and {channels}; pass --resize to fit frames"
        )
    if image.size != (width, height):
        image = image.convert(mode).resize((width, height), Image.Resampling.BOX)
    pixels = np.asarray(image.convert(mode), dtype=np.uint8)
    return pixels.reshape(height, width, channels)


class Pace:
    """Holds a source to a rate by a schedule, so that slow frames don't add up."""

    def __init__(
        self,
        rate: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 0.0 if rate is None else 1.0 / rate
        self._clock, self._sleep = clock, sleep
        self._next: float | None = None

    def wait(self) -> None:
        """Wait until the next frame is due."""
        now = self._clock()
        if self._next is not None and self._next > now:
            self._sleep(self._next - now)
        self._next = max(now, self._next or now) + self._interval


class FolderCamera:
    """The pictures of a folder, by name."""

    def __init__(self, folder: Path, frame_shape: tuple[int, int, int], resize: bool, pace: Pace, loop: bool) -> None:
        if not folder.is_dir():
            raise ConfigurationError(f"camera names the folder {folder}, which doesn't exist")
        self._files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
        if not self._files:
            raise ConfigurationError(f"the folder {folder} holds no pictures ({', '.join(sorted(_SUFFIXES))})")
        self._frame_shape, self._resize, self._pace, self._loop = frame_shape, resize, pace, loop

    def shots(self) -> Iterator[Shot]:
        """Each picture once, or for ever under `loop`."""
        while True:
            for path in self._files:
                frame = self._read(path)
                if frame is not None:
                    self._pace.wait()
                    yield Shot(frame, path.name)
            if not self._loop:
                return

    def close(self) -> None:
        """Nothing is held open."""

    def _read(self, path: Path) -> NDArray[np.uint8] | None:
        try:
            with Image.open(path) as image:
                image.load()
                return fit(image, self._frame_shape, self._resize)
        except (OSError, SyntaxError, ValueError, FrameError, Image.DecompressionBombError) as error:
            log.warning("skipped a picture", file=path.name, reason=str(error))
            return None


class VideoCamera:
    """Frames of a video file or webcam, through OpenCV."""

    def __init__(
        self,
        source: str | int,
        spec: str,
        frame_shape: tuple[int, int, int],
        resize: bool,
        pace: Pace,
        loop: bool,
    ) -> None:
        try:
            import cv2
        except ImportError as error:
            raise ConfigurationError(
                f'camera is {spec!r}, which needs OpenCV; install it with: pip install "blindsight[camera]"'
            ) from error
        self._cv2: Any = cv2
        self._source, self._spec = source, spec
        self._frame_shape, self._resize, self._pace, self._loop = frame_shape, resize, pace, loop
        self._capture = self._open()

    def shots(self) -> Iterator[Shot]:
        """Frames until the file ends or the webcam fails."""
        number = 0
        while True:
            self._pace.wait()
            taken, pixels = self._capture.read()
            if not taken:
                if not self._loop or number == 0:
                    return
                self._capture = self._open()
                continue
            source = f"{self._spec}:{number}"
            number += 1
            try:
                image = Image.fromarray(self._cv2.cvtColor(pixels, self._cv2.COLOR_BGR2RGB))
                yield Shot(fit(image, self._frame_shape, self._resize), source)
            except FrameError as error:
                log.warning("skipped a frame", source=source, reason=str(error))

    def close(self) -> None:
        """Let go of the file or webcam."""
        self._capture.release()

    def _open(self) -> Any:
        capture = self._cv2.VideoCapture(self._source)
        if not capture.isOpened():
            raise ConfigurationError(f"camera is {self._spec!r}, which OpenCV can't open")
        return capture


def _is_grey(image: Image.Image) -> bool:
    if image.mode in ("1", "L", "LA", "I", "I;16", "F"):
        return True
    rgb = np.asarray(image.convert("RGB"))
    return bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
