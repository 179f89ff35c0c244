"""A ciphertext as a picture: its bytes, as they travel, are the pixels."""

import numpy as np
from numpy.typing import NDArray


def noise_picture(ciphertext: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The last bytes of a ciphertext as a grey picture (height, width, 1), for `size` = (width, height).

    The last, since a message begins with a header. Fewer bytes than pixels begin again.
    """
    width, height = size
    pixels = np.frombuffer(ciphertext, np.uint8)[-width * height :]
    return np.resize(pixels, (height, width, 1))
