"""Pictures become frames of the model's shape, or are refused with the fix."""

import numpy as np
import pytest

from common.errors import FrameError
from edge.camera.framing import WholePicture


def test_a_whole_picture_is_one_frame_without_a_name_of_its_own() -> None:
    framing = WholePicture((4, 6, 1), resize=True)
    assert framing.frames(np.zeros((40, 60, 3), np.uint8)).shape == (1, 4, 6, 1)
    assert framing.names == ("",)


def test_another_size_is_refused_with_the_fix() -> None:
    with pytest.raises(FrameError, match=r"is 5×7 .* takes 4×6; pass --resize"):
        WholePicture((4, 6, 1), resize=False).frames(np.zeros((5, 7, 1), np.uint8))
