"""Pictures become frames of the model's shape, or are refused with the reason."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.errors import FrameError
from common.pictures.fitting import FrameShape, fit

GREY, COLOUR = (4, 6, 1), (4, 6, 3)
RAMP = np.arange(24, dtype=np.uint8).reshape(GREY) * 10
RED = np.full(COLOUR, (200, 10, 10), np.uint8)


def fitted(picture: NDArray[np.uint8], shape: FrameShape, resize: bool = False) -> NDArray[np.uint8]:
    frame = fit(picture, shape, resize)
    assert frame.dtype == np.uint8
    assert frame.shape == shape
    return frame


def test_a_fitting_picture_keeps_its_pixels() -> None:
    assert (fitted(RAMP, GREY) == RAMP).all()
    assert (fitted(RED, COLOUR) == RED).all()


def test_colour_becomes_grey_and_grey_colour_as_the_model_takes_it() -> None:
    assert (fitted(np.repeat(RAMP, 3, axis=2), GREY) == RAMP).all()
    assert (fitted(RED, GREY) == np.asarray(Image.fromarray(RED).convert("L"))[..., None]).all()
    assert (fitted(RAMP, COLOUR) == np.repeat(RAMP, 3, axis=2)).all()


def test_another_size_is_refused_with_both_sizes_unless_resized() -> None:
    with pytest.raises(FrameError, match=r"is 5×7 .* takes 4×6"):
        fitted(np.zeros((5, 7, 1), np.uint8), GREY)
    assert (fitted(np.full((5, 7, 1), 9, np.uint8), GREY, resize=True) == 9).all()


def test_shrinking_takes_every_pixel_into_account() -> None:
    stripes = np.zeros((40, 60, 1), np.uint8)
    stripes[:, ::2] = 200
    assert np.abs(fitted(stripes, GREY, resize=True).astype(int) - 100).max() <= 5
