"""Whether a crop's strokes are lighter or darker than their ground."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Weights of the network, which `models.training.polarity` has trained.
_WEIGHTS = Path(__file__).with_name("polarity.npz")
#: Pixels of the side that a crop has for the network.
SIDE = 24
#: Pixels over which contrast is made even, and the variance, in grey levels squared, that is noise only.
_REACH, _NOISE = 5.0, 4.0
#: Multiples of the local contrast beyond which a pixel counts no more.
_MOST = 2.5


def is_light(cv2: Any, grey: NDArray[np.float32]) -> bool:
    """Whether the strokes in a crop (h, w) of greys are the lighter part, by a small network.

    The network is v·tanh(U·tanh(W·x)) and has no biases, so it says the opposite of the opposite picture: what it knows
    of dark strokes it knows of light ones. `cv2` is OpenCV.
    """
    first, second, scores = _weights()
    return bool(scores @ np.tanh(second @ np.tanh(first @ even_contrast(cv2, grey).ravel())) > 0)


def even_contrast(cv2: Any, grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """A crop (h, w) of greys as the network takes it: (24, 24), around 0, with the same contrast everywhere."""
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    relief = small - cv2.GaussianBlur(small, (0, 0), _REACH)
    spread = np.sqrt(cv2.GaussianBlur(relief**2, (0, 0), _REACH) + _NOISE)
    even: NDArray[np.float32] = np.clip(relief / spread, -_MOST, _MOST)
    return even


@lru_cache(maxsize=1)
def _weights() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """W (96, 576), U (24, 96) and v (24,)."""
    with np.load(_WEIGHTS) as file:
        return file["first"].astype(np.float32), file["second"].astype(np.float32), file["scores"].astype(np.float32)
