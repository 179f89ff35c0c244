"""The preview shows a picture with its regions, and beside it what the network sees of each."""

import numpy as np
import pytest

from blindsight.cameras.looking import Look, look_at
from blindsight.cameras.preview import draw_preview
from common.pictures.regions import Regions
from common.readings.spec import ReadingSpec
from models.catalogue import load_network
from tests.meter_pictures import meter_picture, meter_regions

NETWORK = load_network("digits")
SPEC = ReadingSpec("water", ("d1", "d2", "d3"), 0, "m³", 3.0)


def look(digits: str, scale: int = 1) -> Look:
    return look_at(meter_picture(digits, scale), meter_regions(len(digits)), NETWORK, [SPEC])


@pytest.mark.parametrize("scale", [1, 2])
def test_a_look_has_each_regions_place_crop_frame_label_and_lead(scale: int) -> None:
    seen = look("345", scale).seen
    assert [each.region.name for each in seen] == ["d1", "d2", "d3"]
    assert [each.label for each in seen] == ["3", "4", "5"]
    assert {each.frame.shape for each in seen} == {(28, 28, 1)}
    assert {each.crop.shape for each in seen} == {(76 * scale, 48 * scale, 3)}
    assert all(each.lead > 0 for each in seen)


def test_a_look_says_what_is_read_or_why_it_is_not() -> None:
    (sentence,) = look("345").readings
    assert sentence.startswith("water: ")
    assert "345" in sentence


def test_the_preview_has_the_regions_colours_in_the_picture_and_beside_it() -> None:
    image = np.asarray(draw_preview(meter_picture("345"), look("345"), "a title"))
    first = (np.abs(image.astype(int) - (88, 196, 255)).max(axis=2) < 12).nonzero()[1]
    assert (first < 780).any()
    assert (first > 800).any()


@pytest.mark.parametrize("count", [1, 6, 64])
@pytest.mark.slow
def test_any_number_of_regions_has_a_card_each(count: int) -> None:
    picture = meter_picture("345")
    regions = meter_regions(3).regions
    many = Regions((640, 480), tuple(regions[0] for _ in range(count)))
    image = draw_preview(picture, look_at(picture, many, NETWORK, []), "a title")
    assert image.width < 2400
    assert image.height >= 44 + 570
