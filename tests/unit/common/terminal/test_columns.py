"""Columns fit the width: some are left out, long texts get lines of their own, and nothing is cut."""

import pytest
from rich.text import Text

from common.terminal.columns import Column, amount, duration, lay_out, printable

COLUMNS = (Column("name"), Column("number", 1, right=True), Column("text", 2))


def lines(width: int, *rows: tuple[str, str, str]) -> list[str]:
    layout = lay_out(COLUMNS, [[Text(cell) for cell in row] for row in rows], width)
    return [layout.header.plain, *(line.plain for row in layout.rows for line in row)]


def test_all_columns_where_they_fit() -> None:
    assert lines(18, ("a", "1", "some"), ("bc", "1,000", "thing")) == [
        "name number text",
        "a         1 some",
        "bc    1,000 thing",
    ]


def test_the_highest_rank_goes_first_and_the_name_never() -> None:
    assert lines(12, ("a", "1", "some")) == ["name number", "a         1"]
    assert lines(3, ("a", "1", "some")) == ["name", "a"]


def test_a_long_name_stands_above_its_row_and_a_long_text_below() -> None:
    name, text = "n" * 40, "a text of many words that is far too long for its column"
    assert lines(50, (name, "1", "x"), ("b", "2", text)) == [
        "name number text",
        name,
        "          1 x",
        "b         2",
        "  text: a text of many words that is far too long",
        "  for its column",
    ]


def test_a_text_that_must_not_be_missing_goes_below_where_it_finds_no_place() -> None:
    columns = (Column("name"), Column("number", 1, right=True), Column("text", 2, below=True))
    layout = lay_out(columns, [[Text("a"), Text("1"), Text("some")], [Text("b"), Text("2"), Text()]], 12)
    lines = [line.plain for row in layout.rows for line in row]
    assert (lines, layout.hidden) == (["a         1", "  text: some", "b         2"], [])


def test_wide_letters_count_twice() -> None:
    assert lines(20, ("门口", "1", "x")) == ["name number text", "门口      1 x"]


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (9_999_999, "9,999,999"), (10_000_000, "10.0M"), (2**40, "1.1T"), (10**400, "1000.0T"), (-3, "0")],
)
def test_amounts_stay_short(number: int, shown: str) -> None:
    assert amount(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0s"),
        (59.6, "1m 0s"),
        (3723, "1h 2m"),
        (90_000, "1d 1h"),
        (1e308, "115740d 17h"),
        (float("inf"), "115740d 17h"),
    ],
)
def test_durations_have_two_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_texts_of_others_are_harmless() -> None:
    assert printable("a\x1b[31m\n\u202eb") == "a�[31m��b"
    assert printable("x" * 10**6) == "x" * 200 + " …"
