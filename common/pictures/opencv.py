"""OpenCV, which only cameras and regions need, imported when it is used."""

import importlib
import os
from typing import Any

from common.errors import ConfigurationError
from common.installed import install_command

#: FFmpeg's name for logging nothing (AV_LOG_QUIET).
_QUIET = "-8"


def import_opencv(needed_by: str) -> Any:
    """The module `cv2`. Raises `ConfigurationError` where it isn't installed, beginning with who needs it."""
    # Of what goes wrong we make errors of our own; FFmpeg's lines may repeat an address with a password in it.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _QUIET)
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError as error:
        raise ConfigurationError(
            f"{needed_by} needs OpenCV, and that isn't installed; run: {install_command('opencv-python-headless')}"
        ) from error
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
