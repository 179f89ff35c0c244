"""A region file says what is cut out of pictures; what can't be meant is refused by a sentence that helps."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from common.pictures.region_file import format_regions, load_regions, parse_regions
from common.pictures.regions import Mark, Region

PICTURE = "[picture]\nsize = [640, 480]\n"
REGION = '[[region]]\nname = "d1"\nbox = [10, 20, 30, 40]\n'
READING = '[reading]\nname = "water"\nregions = ["d1"]\ndecimals = 1\n'


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        parse_regions(text, Path("meter.toml"))
    return str(error.value)


def test_reads_boxes_and_corners_in_the_files_order(tmp_path: Path) -> None:
    path = tmp_path / "meter.toml"
    path.write_text(
        PICTURE + REGION + '[[region]]\nname = "d2"\ncorners = [[50, 20], [80, 22], [81, 62], [51, 60]]\n'
        'normalise = "light"\n'
    )
    regions = load_regions(path)
    assert regions.size == (640, 480)
    assert regions.names == ("d1", "d2")
    assert regions.regions[0] == Region("d1", ((10, 20), (40, 20), (40, 60), (10, 60)), "digit")
    assert regions.regions[1] == Region("d2", ((50, 20), (80, 22), (81, 62), (51, 60)), "light")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "meter.toml").write_text(PICTURE + REGION, encoding="utf-8-sig")
    assert load_regions(tmp_path / "meter.toml").names == ("d1",)


def test_reads_marks_of_a_picture_beside_the_file() -> None:
    text = PICTURE + 'reference = "r.png"\n' + REGION + "[[mark]]\nbox = [1, 2, 30, 40]\nsearch = 12\n"
    regions = parse_regions(text, Path("folder/meter.toml"))
    assert regions.marks == (Mark((1, 2, 30, 40), 12),)
    assert regions.reference == Path("folder/r.png")


@pytest.mark.parametrize("reading", [READING, READING.replace("[reading]", "[[reading]]")])
def test_hands_the_reading_tables_on(reading: str) -> None:
    regions = parse_regions(PICTURE + REGION + reading, Path("meter.toml"))
    assert regions.readings == ({"name": "water", "regions": ["d1"], "decimals": 1},)


def test_what_is_written_is_read_again() -> None:
    text = PICTURE + 'reference = "r.png"\n' + REGION + "[[mark]]\nbox = [1, 2, 30.5, 40]\n" + READING
    regions = parse_regions(text, Path("meter.toml"))
    assert parse_regions(format_regions(regions), Path("meter.toml")) == regions


def test_a_larger_picture_of_the_same_ratio_has_larger_regions() -> None:
    regions = parse_regions(PICTURE + REGION, Path("meter.toml")).scaled(1280, 960)
    assert regions.size == (1280, 960)
    assert regions.regions[0].corners == ((20, 40), (80, 40), (80, 120), (20, 120))


def test_a_picture_of_another_ratio_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"1920×1080 .* \[640, 480\], which has another aspect ratio"):
        parse_regions(PICTURE + REGION, Path("meter.toml")).scaled(1920, 1080)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (REGION, r"regions is meter.toml: [picture] is missing; it has size, reference"),
        (PICTURE, "there are 0 tables [[region]]; give 1 to 64"),
        (PICTURE + REGION * 65, "there are 65 tables [[region]]; give 1 to 64"),
        (PICTURE + REGION + REGION, "[[region]] 2: name is 'd1', and so is that of [[region]] 1"),
        (
            PICTURE + REGION + "colour = 1\n",
            "[[region]] 1 (d1): colour is unknown; it has name, corners, box, normalise",
        ),
        (PICTURE + REGION + 'normalise = "digits"\n', 'normalise is digits; give "digit", "light" or "none"'),
        (PICTURE + REGION.replace("d1", "a/b"), "name is 'a/b'; give 1 to 32 of A-Z"),
        (PICTURE + REGION.replace("30, 40", "30, 500"), "its corner [40, 520] is outside the picture, whose size"),
        (PICTURE + REGION.replace("30, 40", "30, nan"), "is outside the picture, whose size"),
        (PICTURE + REGION.replace("30, 40", "3, 40"), "its width and height are 4 pixels at least"),
        (PICTURE + REGION + "corners = [[1, 1], [9, 1], [9, 9], [1, 9]]\n", "give either corners"),
        (PICTURE + REGION + "[[mark]]\nbox = [1, 2, 30, 40]\n", "[picture]: reference is missing"),
        (PICTURE + REGION + "[marks]\n", "[marks] is unknown; there are [picture]"),
        (PICTURE + "[[region]]\nname = \n", "which is no TOML: Invalid value (at line 4"),
    ],
)
def test_what_cant_be_meant_is_told(text: str, told: str) -> None:
    assert told in refusal(text)


@pytest.mark.parametrize(
    ("corners", "told"),
    [
        ("[[1, 1], [9, 1], [9, 9]]", "corners has 3 points; give four, clockwise from the top left"),
        ("[[1, 1], [1, 9], [9, 9], [9, 1]]", "which goes anticlockwise"),
        ("[[1, 1], [9, 9], [9, 1], [1, 9]]", "whose sides cross or bend inwards"),
        ("[[1, 1], [99, 1], [50, 20], [99, 99]]", "whose sides cross or bend inwards"),
        ("[[1, 1], [700, 1], [9, 9], [1, 9]]", "in corners, [700, 1] is outside the picture"),
        ("[[1, 1], [3, 1], [9, 9], [1, 9]]", "with a side of less than 4 pixels"),
        ('[[1, 1], [9, 1], [9, 9], "d"]', "give four points [x, y], clockwise from the top left"),
    ],
)
def test_corners_go_clockwise_round_a_four_sided_shape(corners: str, told: str) -> None:
    assert told in refusal(f'{PICTURE}[[region]]\nname = "d1"\ncorners = {corners}\n')


def test_a_corner_a_little_outside_is_fine_where_the_pictures_edge_cuts_something_off() -> None:
    text = f'{PICTURE}[[region]]\nname = "d1"\ncorners = [[-8, 1], [30, 1], [30, 40], [-8, 40]]\n'
    assert parse_regions(text, Path("meter.toml")).regions[0].corners[0] == (-8, 1)
    mark = "[[mark]]\nbox = [-8, 2, 30, 40]\n"
    assert "[[mark]] 1: box is" in refusal(PICTURE + 'reference = "r.png"\n' + REGION + mark)


def test_a_file_that_cant_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="which can't be read: No such file"):
        load_regions(tmp_path / "absent.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="no UTF-8 text"):
        load_regions(tmp_path / "bytes.toml")


def test_a_line_that_would_take_minutes_is_refused() -> None:
    assert "is no TOML: line 2 has 100,001 characters" in refusal("\n" + "a." * 50_000 + "b")


def test_a_date_that_there_is_not_is_refused() -> None:
    assert "is no TOML" in refusal(PICTURE + REGION + "x = 2026-02-31\n")
