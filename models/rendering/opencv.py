"""OpenCV, which all of this room draws with. Importing it raises `ConfigurationError` where it isn't installed."""

from typing import Any

from common.pictures.opencv import import_opencv

cv2: Any = import_opencv("rendering meters")
