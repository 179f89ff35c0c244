"""Frames kept as pictures, for whoever wants to label them and train on them: `--keep-frames`.

They lie in the folder unencrypted, which is what the rest of a device avoids: it is off by default, and said at each
start. Nothing that goes wrong here stops the camera.
"""

import io
import os
import re
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import ConfigurationError
from common.logs import get_logger
from common.pictures.picture import Picture
from common.service.repeated import RepeatedLines
from edge import clock
from edge.camera.framing import Framing

#: The names of the files: time of capture in UTC, place in the picture, and the region's name if it has one.
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-\d{3,}(-[\w.-]+)?\.png", re.ASCII)
#: What a region's name may hold in the name of a file.
_UNUSUAL = re.compile(r"[^\w.-]", re.ASCII)
#: Characters of a region's name in the name of a file, at most.
_MOST_CHARACTERS = 60
#: The name of a file that is being written.
_UNFINISHED = ".unfinished"

log = get_logger(__name__)


class KeptFrames:
    """A framing whose frames are also kept in a folder, `most` of them: the oldest make room.

    Only files of its own naming are ever deleted. The folder is for its owner alone, and so is each file.

    Raises `ConfigurationError` where the folder can't be made or read.
    """

    def __init__(self, framing: Framing, folder: Path, most: int) -> None:
        self.names, self.are_burst = framing.names, framing.are_burst
        self._framing, self._folder, self._most = framing, folder, most
        self._lines = RepeatedLines()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            names = [path.name for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
        except OSError as error:
            raise ConfigurationError(
                f"keep_frames is {folder}, which can't be used: {error.strerror}; name another folder"
            ) from error
        self._kept = deque(sorted(name for name in names if _NAME.fullmatch(name)))
        log.warning(
            "frames are kept as pictures, unencrypted: whoever reads the folder sees what the camera saw",
            folder=str(folder),
            most=most,
            there=len(self._kept),
        )

    def frames(self, picture: Picture) -> NDArray[np.uint8]:
        """The frames (k, h, w, c) of the framing, each kept as it is. Raises `FrameError` as the framing does."""
        frames = self._framing.frames(picture)
        try:
            self._keep(frames)
        except OSError as error:  # a full disk, say
            self._lines.say(log.warning, "frames weren't kept", "", folder=str(self._folder), reason=error.strerror)
        return frames

    def _keep(self, frames: NDArray[np.uint8]) -> None:
        taken = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        for place, (frame, region) in enumerate(zip(frames, self.names, strict=True)):
            ending = f"-{_UNUSUAL.sub('_', region)[:_MOST_CHARACTERS]}" if region else ""
            name = f"{taken}-{place:03d}{ending}.png"
            self._write(name, frame)
            self._kept.append(name)
        while len(self._kept) > self._most:
            (self._folder / self._kept[0]).unlink(missing_ok=True)
            self._kept.popleft()

    def _write(self, name: str, frame: NDArray[np.uint8]) -> None:
        """Write a frame (h, w, c) whole or not at all."""
        png = io.BytesIO()
        Image.fromarray(frame[..., 0] if frame.shape[2] == 1 else frame).save(png, "PNG")
        unfinished = self._folder / _UNFINISHED
        unfinished.unlink(missing_ok=True)  # it may be a link to elsewhere, or a pipe that nobody reads
        try:
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(png.getvalue())
            unfinished.replace(self._folder / name)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
