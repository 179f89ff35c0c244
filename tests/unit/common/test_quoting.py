"""What strangers sent, in our own sentences."""

import pytest

from common.quoting import shown


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("frames/1", "frames/1"),
        ("ü\U0001f600", "ü\U0001f600"),
        ("a\nb\x1b[2J\ufeff\u202e\ud800", "a\\nb\\x1b[2J\\ufeff\\u202e\\ud800"),
        ("x" * 200, "x" * 200),
        ("\x01" * 100, "\\x01" * 50 + "… (100 characters)"),
        ("x" * 20_000_000, "x" * 200 + "… (20,000,000 characters)"),
    ],
)
def test_text_is_cut_and_holds_nothing_that_a_terminal_would_obey(text: str, right: str) -> None:
    assert shown(text) == right
