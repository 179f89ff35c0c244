"""One picture of a camera."""

from pathlib import Path

from common.errors import FrameError
from common.pictures.picture import Picture, as_picture
from edge.camera.sources.opening import open_camera


def take_picture(camera: str, password_file: Path | None = None, ca: Path | None = None) -> Picture:
    """The first picture of a camera, which is named as for `blindsight device`, as are its files.

    Raises `ConfigurationError` for a camera that isn't there, and `FrameError` for one that gives no picture.
    """
    opened = open_camera(camera, password_file=password_file, ca=ca)
    try:
        for shot in opened.shots():
            return as_picture(shot.picture)
    finally:
        opened.close()
    raise FrameError("the camera has ended without a picture")
