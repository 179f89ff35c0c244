"""A row of digits is found, light or dark, however the camera is tilted; where there is none, there is a beginning."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from blindsight.cameras.proposals import propose
from common.pictures.region_file import format_regions, parse_regions
from common.readings.spec import readings_of
from models.catalogue import load_network
from tests.meter_pictures import HEIGHT, LEFT, PITCH, TOP, WIDTH, meter_picture


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("degrees", [0, 7])
@pytest.mark.slow
def test_regions_are_around_the_digits(dark: bool, scale: int, degrees: float) -> None:
    turn = cv2.getRotationMatrix2D((320 * scale, 240 * scale), degrees, 1)
    picture = cv2.warpAffine(meter_picture("31804", scale, dark), turn, (640 * scale, 480 * scale))
    proposal = propose(picture, 5)
    assert proposal.found >= 4
    assert proposal.regions.names == ("d1", "d2", "d3", "d4", "d5")
    for place, region in enumerate(proposal.regions.regions):
        middle = scale * np.array([LEFT + place * PITCH + WIDTH / 2, TOP + HEIGHT / 2])
        off = np.mean(region.corners, axis=0) - (turn[:, :2] @ middle + turn[:, 2])
        assert np.hypot(*off) < 8 * scale


@pytest.mark.slow
def test_a_model_tells_digits_from_print_that_stands_in_a_row_too() -> None:
    image = Image.new("RGB", (640, 480), "white")
    for top, size, text in ((100, 64, "318"), (260, 100, "HKX")):
        for place, character in enumerate(text):
            left = 180 + 1.2 * size * place
            ImageDraw.Draw(image).text((left, top), character, fill="black", font=ImageFont.load_default(size))
    middles = [
        np.mean([region.corners for region in propose(np.asarray(image), 3, network).regions.regions], axis=(0, 1))[1]
        for network in (None, load_network("digits"))
    ]
    assert middles[0] > 260
    assert 100 < middles[1] < 180


def test_without_a_number_there_are_as_many_as_are_found() -> None:
    assert propose(meter_picture("3180462")).found == 7


def test_a_proposal_is_a_region_file_with_a_reading() -> None:
    path = Path("meter.toml")
    regions = parse_regions(format_regions(propose(meter_picture("31804")).regions), path)
    (spec,) = readings_of(regions, path)
    assert spec.regions == ("d1", "d2", "d3", "d4", "d5")


@pytest.mark.parametrize("channels", [1, 3])
def test_where_no_row_is_found_regions_are_a_beginning_in_the_middle(channels: int) -> None:
    proposal = propose(np.full((48, 64, channels), 90, np.uint8), 6)
    assert proposal.found == 0
    assert len(proposal.regions.regions) == 6
    parse_regions(format_regions(proposal.regions), Path("meter.toml"))


def test_noise_has_no_row_that_cannot_be_written() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    parse_regions(format_regions(propose(noise, 8).regions), Path("meter.toml"))


def test_a_row_that_the_picture_has_no_room_for_is_not_proposed() -> None:
    proposal = propose(meter_picture("318"), 12)
    assert proposal.found == 0
    parse_regions(format_regions(proposal.regions), Path("meter.toml"))
