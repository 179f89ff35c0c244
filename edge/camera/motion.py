"""Motion in pictures as they were taken: what differs from a background that is learnt from them."""

from typing import Any

from common.pictures.opencv import import_opencv
from common.pictures.picture import Picture

#: Pixels of the width to which a wider picture is shrunk first: more tell nothing more, and take memory and time.
_WIDTH = 320
#: What each picture counts in the background. A change that stays belongs to it after about 20 pictures, a tenth of
#: 1 / 0.005. MOG2's own choice counts the first pictures more, and would take what moves in them for background.
_LEARNING_RATE = 0.005
#: The mask's value for what moved; shadows have another.
_MOVED = 255


class Motion:
    """How much of each picture moved, by OpenCV's MOG2: a mixture of Gaussians for every pixel.

    Zivkovic, "Improved adaptive Gaussian mixture model for background subtraction" (ICPR 2004). Shadows don't count,
    nor do single pixels. Whatever stays becomes background: a lamp that was switched on is motion for some pictures,
    and one that blinks is motion while it is on. Raises `ConfigurationError` where OpenCV isn't installed.
    """

    def __init__(self) -> None:
        self._cv2 = import_opencv("motion")
        self._background = self._fresh()
        self._shape: tuple[int, ...] | None = None

    def share(self, picture: Picture) -> float:
        """The share of a picture (h, w, c) that moved, from 0 to 1; 1 for the first one, and for one of a new size."""
        cv2 = self._cv2
        is_new = picture.shape != self._shape
        if is_new:
            self._shape, self._background = picture.shape, self._fresh()
        small = picture
        if picture.shape[1] > _WIDTH:
            height = max(1, round(picture.shape[0] * _WIDTH / picture.shape[1]))
            small = cv2.resize(picture, (_WIDTH, height), interpolation=cv2.INTER_AREA)
        mask = self._background.apply(cv2.GaussianBlur(small, (3, 3), 0), learningRate=_LEARNING_RATE)
        if is_new:
            return 1.0
        moved = cv2.medianBlur((mask == _MOVED).astype("uint8"), 3)
        return float(moved.mean())

    def _fresh(self) -> Any:
        return self._cv2.createBackgroundSubtractorMOG2(detectShadows=True)
