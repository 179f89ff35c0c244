"""Crops made alike: whichever light, size and colour, the strokes come out light on dark and in the middle."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from common.errors import FrameError
from common.pictures.normalise import NORMALISATIONS, normalise

FRAME_SHAPE = (28, 28, 1)


def crop_with(
    text: str, *, size: tuple[int, int] = (60, 40), turned: float = 0.0, dark: bool = False
) -> NDArray[np.uint8]:
    """A wheel (h, w, 1) with `text` on it, and the next digit below, turned by a share of the crop's height."""
    height, width = size
    image = Image.new("L", (width, height), 40)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(0.8 * height)
    for place, digit in enumerate(text):
        draw.text((width / 2, height * (0.5 + place - turned)), digit, 210, font, anchor="mm")
    grey = np.asarray(image)
    return (255 - grey if dark else grey)[..., None]


def lit(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The crop with half the light on its left side."""
    return np.rint(crop * np.linspace(0.5, 1, crop.shape[1])[None, :, None]).astype(np.uint8)


@pytest.mark.parametrize("kind", NORMALISATIONS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 200, 3), (200, 3, 1), (480, 640, 3)])
def test_a_crop_of_any_size_becomes_a_frame(kind, shape):
    crop = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for frame_shape in (FRAME_SHAPE, (32, 24, 3)):
        frame = normalise(crop, kind, frame_shape)
        assert frame.shape == frame_shape and frame.dtype == np.uint8


@pytest.mark.parametrize("digit", "0123456789")
def test_dark_digits_in_uneven_light_look_like_light_ones(digit):
    light, dark = (normalise(lit(crop_with(digit, dark=dark)), "digit", FRAME_SHAPE) for dark in (False, True))
    assert np.corrcoef(light.ravel(), dark.ravel())[0, 1] > 0.85


@pytest.mark.parametrize("size", [(24, 16), (60, 40), (240, 160)])
def test_a_digit_fills_twenty_two_rows_in_the_middle(size):
    ink = normalise(crop_with("5", size=size), "digit", FRAME_SHAPE)[..., 0] > 127
    rows = np.flatnonzero(ink.any(axis=1))
    assert abs(len(rows) - 22) <= 2 and abs(rows.mean() - 13.5) <= 1.5


@pytest.mark.parametrize("dark", [False, True])
def test_a_half_turned_wheel_keeps_both_halves(dark):
    frame = normalise(crop_with("34", turned=0.5, dark=dark), "digit", FRAME_SHAPE)[..., 0]
    assert frame[:12].max() > 200 and frame[16:].max() > 200
    assert frame[13:15].max() < 60


@pytest.mark.parametrize("bright", [0, 255])
def test_the_edge_of_the_drums_frame_is_left_out(bright):
    crop = crop_with("7").copy()
    crop[:, :4] = crop[:5] = bright
    assert (
        np.abs(
            normalise(crop, "digit", FRAME_SHAPE).astype(int) - normalise(crop_with("7"), "digit", FRAME_SHAPE)
        ).mean()
        < 4
    )


@pytest.mark.parametrize("digit", "0689")
def test_a_rim_around_the_whole_crop_is_left_out_though_it_is_joined_to_the_digit(digit):
    crop = crop_with(digit, size=(60, 32)).copy()
    plain = normalise(crop, "digit", FRAME_SHAPE).astype(int)
    crop[:4] = crop[-4:] = crop[:, :3] = crop[:, -3:] = 210
    assert np.abs(normalise(crop, "digit", FRAME_SHAPE) - plain).mean() < 4


def test_a_digit_joined_to_its_frame_is_kept_though_there_is_a_speck_beside_it():
    image = Image.new("L", (48, 64), 230)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 47, 63), outline=40, width=6)
    draw.line((26, 14, 26, 63), 40, 6)  # a one that reaches down to the frame
    draw.ellipse((12, 28, 18, 34), fill=40)
    ink = normalise(np.asarray(image)[..., None], "digit", FRAME_SHAPE)[..., 0] > 127
    assert ink.any(axis=1).sum() > 18


def test_the_upper_and_lower_segments_of_a_closely_cut_display_are_kept():
    image = Image.new("L", (48, 64), 40)
    draw = ImageDraw.Draw(image)
    sides = [(x, y, x + 6, y + 18) for x in (5, 36) for y in (10, 35)]
    for segment in ((11, 0, 36, 6), (11, 57, 36, 63), *sides):
        draw.rectangle(segment, 210)
    ink = normalise(np.asarray(image)[..., None], "digit", FRAME_SHAPE)[..., 0] > 127
    assert ink[:6, 14].any() and ink[22:, 14].any()


def test_a_digit_joined_to_the_drums_frame_does_not_vanish():
    crop = np.full((64, 60, 1), 40, np.uint8)
    crop[8:, :6] = crop[8:, -6:] = crop[-6:] = crop[14:, 27:33] = 210
    ink = normalise(crop, "digit", FRAME_SHAPE)[..., 0] > 127
    assert ink[8:20, 11:17].any()


def test_digits_that_differ_from_the_drum_only_in_colour_are_seen():
    mask = crop_with("2") > 128
    crop = np.where(mask, np.array([40, 110, 60], np.uint8), np.array([160, 50, 60], np.uint8))
    strokes = normalise(crop, "digit", FRAME_SHAPE).astype(int)
    assert np.abs(strokes - normalise(crop_with("2"), "digit", FRAME_SHAPE)).mean() < 20


def test_light_only_moves_nothing():
    crop = crop_with("4", size=(28, 28))
    frame = normalise(lit(crop), "light", FRAME_SHAPE)
    assert np.corrcoef(frame.ravel(), crop.ravel())[0, 1] > 0.95
    assert np.array_equal(normalise(crop, "none", FRAME_SHAPE), crop)


@pytest.mark.parametrize(
    "crop", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4, 1), np.uint8)]
)
def test_what_is_no_crop_is_refused(crop):
    with pytest.raises(FrameError, match="a crop has shape"):
        normalise(crop, "digit", FRAME_SHAPE)
