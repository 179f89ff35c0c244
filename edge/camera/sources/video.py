"""A video file, through OpenCV."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.logs import get_logger
from common.pictures.opencv import import_opencv
from edge.camera.cameras import Shot
from edge.camera.sources.pace import Pace

#: Frames in a row that can't be read, from which on a video has ended. Fewer are damaged ones, with good ones behind.
_END = 100
#: The share of the frames that a video promises below which it is said to be cut off; some formats only estimate them.
_WHOLE = 0.95

log = get_logger(__name__)


class VideoCamera:
    """The frames of a video file, in order; `loop` begins again at the end. Damaged frames are passed over.

    Raises `ConfigurationError` when OpenCV isn't there or can't open the file.
    """

    def __init__(self, path: str, loop: bool, pace: Pace, rate: float | None) -> None:
        self._path, self._loop, self._pace = path, loop, pace
        self._capture = _open(path)
        self.rate = rate or 1.0
        self.skipped = 0

    def shots(self) -> Iterator[Shot]:
        """Each frame that can be read; raises `FrameError` when none can."""
        try:
            while True:
                number = 0
                for bgr in self._once():
                    self._pace.wait()
                    if self._pace.stopped:
                        return
                    yield Shot(np.ascontiguousarray(bgr[:, :, ::-1]), f"video:{number}")
                    number += 1
                if not number:
                    raise FrameError(f"no frame of video:{self._path} can be read")
                if not self._loop:
                    return
                self._capture.release()
                self._capture = _open(self._path)
        finally:
            # Not in `close`: OpenCV may crash when one thread releases what another one reads.
            self._capture.release()

    def close(self) -> None:
        """End `shots`, which lets go of the file."""
        self._pace.stop()

    def _once(self) -> Iterator[NDArray[np.uint8]]:
        """The frames (h, w, 3), in OpenCV's order BGR, up to the end."""
        good = damaged = failures = 0
        while failures < _END:
            is_there, bgr = self._capture.read()
            if not is_there:
                failures += 1
                continue
            good, damaged, failures = good + 1, damaged + failures, 0
            yield bgr
        self.skipped += damaged
        promised = int(self._capture.get(_cv2().CAP_PROP_FRAME_COUNT))
        if damaged:
            log.warning("frames of the video are damaged", video=self._path, good=good, damaged=damaged)
        elif good < _WHOLE * promised:
            log.warning("the video is cut off or damaged", video=self._path, good=good, promised=promised)


def _cv2() -> Any:
    return import_opencv("a video")


def _open(path: str) -> Any:
    capture = _cv2().VideoCapture(path)
    if not capture.isOpened():
        raise ConfigurationError(f"camera is video:{path}, which OpenCV can't open as a video")
    return capture
