"""Fonts for rendered digits: which are taken, and which training never sees."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from common.errors import ConfigurationError
from models.rendering.fonts import SHIPPED, FontBook, family_of, find_fonts, load_glyphs, parse_split
from models.rendering.segments import draw_segments


def test_the_fonts_that_ship_have_ten_different_figures_of_one_height() -> None:
    fonts = find_fonts([SHIPPED]).fonts
    assert len(fonts) == 4
    for font in fonts:
        glyphs = load_glyphs(font)
        assert glyphs is not None
        assert {mask.shape[0] for mask in glyphs.masks} == {96}
        assert len({mask.tobytes() for mask in glyphs.masks}) == 10
    assert [font.name for font in fonts if (glyphs := load_glyphs(font)) and glyphs.segmented] == [
        "DSEG7Classic-Bold.ttf"
    ]


def test_each_font_that_ships_has_its_licence_beside_it() -> None:
    for font in find_fonts([SHIPPED]).fonts:
        licence = SHIPPED / f"OFL-{font.stem.partition('-latin')[0].removesuffix('-Bold')}.txt"
        text = licence.read_text()
        assert text.startswith("Copyright") and "SIL OPEN FONT LICENSE Version 1.1" in text


def test_families_of_tests_are_in_no_training(tmp_path: Path) -> None:
    some = next(SHIPPED.glob("oswald*"))
    shutil.copy(some, tmp_path / "overpass-latin-600-normal.woff")
    shutil.copy(some, tmp_path / "oswald.woff")
    names = {split: {font.name for font in find_fonts([tmp_path], split).fonts} for split in ("training", "test")}
    assert names == {"training": {"oswald.woff"}, "test": {"overpass-latin-600-normal.woff"}}


def test_a_folder_without_fonts_is_refused_with_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "damaged.ttf").write_bytes(b"no font")
    with pytest.raises(ConfigurationError, match=r"fonts is .* which holds no font .* such as /usr/share/fonts"):
        find_fonts([tmp_path])
    with pytest.raises(ConfigurationError, match="split is 'tests'"):
        parse_split("tests")


def test_a_display_gets_segments_and_others_do_not() -> None:
    book, rng = find_fonts([SHIPPED]), np.random.default_rng(0)
    assert all(book.choose(rng, segmented=True).segmented for _ in range(5))
    families = {family_of(book.choose(rng, segmented=False).font) for _ in range(60)}
    assert families == {"oswald", "roboto", "work"}


def test_drawn_segments_are_ten_different_digits_and_no_test_has_them() -> None:
    masks = draw_segments(np.random.default_rng(0), 96)
    assert len({mask.tobytes() for mask in masks}) == 10
    assert {mask.shape[0] for mask in masks} == {96}
    assert masks[1].shape[1] < masks[8].shape[1] / 2
    assert find_fonts([SHIPPED]).drawn and not FontBook(find_fonts([SHIPPED]).fonts).drawn
