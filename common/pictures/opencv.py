"""OpenCV, which only cameras and regions need, imported when it is used."""

import importlib
from typing import Any

from common.errors import ConfigurationError
from common.installed import install_command


def import_opencv(needed_by: str) -> Any:
    """The module `cv2`. Raises `ConfigurationError` where it isn't installed, beginning with who needs it."""
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise ConfigurationError(
            f"{needed_by} needs OpenCV, and that isn't installed; run: {install_command('opencv-python-headless')}"
        ) from error
