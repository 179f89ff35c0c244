"""The camera of a Raspberry Pi, through picamera2."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.pictures.picture import Picture

#: The size of pictures (width, height): half of what the smallest of these cameras has.
_SIZE = (1296, 972)


class PicameraConnection:
    """A camera at the ribbon cable."""

    def __init__(self, camera: Any, name: str) -> None:
        self._camera, self._name = camera, name

    def read(self) -> NDArray[np.uint8]:
        """The next picture, (h, w, 3) in RGB."""
        try:
            return self._camera.capture_array()  # type: ignore[no-any-return]
        except Exception as error:  # whatever the driver stumbles over
            raise FrameError(f"{self._name} gives no more pictures: {error}") from error

    def picture(self, data: NDArray[np.uint8]) -> Picture:
        """The same: it is one already."""
        return data

    def close(self) -> None:
        """Let go of the camera."""
        self._camera.close()


def open_picamera(number: int) -> PicameraConnection:
    """The camera of this number. Raises `FrameError`, or `ConfigurationError` where picamera2 isn't installed."""
    try:
        from picamera2 import Picamera2
    except ImportError as error:
        raise ConfigurationError(
            "picamera2 isn't installed, which reads the camera of a Raspberry Pi; run there: "
            "sudo apt install python3-picamera2, and make the environment with --system-site-packages"
        ) from error
    name = f"picamera2:{number}"
    try:
        camera = Picamera2(number)
        # picamera2 names formats by their bytes from the last one on: this is RGB.
        camera.configure(camera.create_video_configuration(main={"format": "BGR888", "size": _SIZE}))
        camera.start()
    except Exception as error:  # no such camera, or one that is in use
        raise FrameError(f"{name} can't be opened: {error or type(error).__name__}") from error
    return PicameraConnection(camera, name)
