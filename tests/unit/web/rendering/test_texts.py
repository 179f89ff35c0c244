"""Numbers, sizes, times and addresses as a person reads them."""

import pytest

pytest.importorskip("markupsafe", reason="MarkupSafe isn't installed")
from web.rendering.texts import address, device_page, duration, iso, moment, number, percent, plural, short, size


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (12345, "12,345"), (431.5, "432"), (9.3, "9.3"), (0.1, "0.1"), (2.0, "2")],
)
def test_numbers_have_thousands_and_digits_that_count(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (59_410, "59.4 kB"),
        (383_721_472, "383.7 MB"),
        (5 * 10**15, "5,000.0 TB"),
    ],
)
def test_sizes_have_the_unit_that_fits(value: int | None, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (-3, "0 s"), (42, "42 s"), (200, "3 min"), (90_000, "1 d")])
def test_durations_have_their_largest_unit(value: float | None, text: str) -> None:
    assert duration(value) == text


def test_a_moment_is_utc_until_a_browser_knows_better() -> None:
    shown = str(moment(1_790_000_060.25, "ago"))
    assert '<time datetime="2026-09-21T14:14:20.250Z" data-show="ago"' in shown
    assert "21 Sep 2026 14:14:20 UTC" in shown


@pytest.mark.parametrize("at", [None, float("nan"), float("inf"), 1e300, -1e300])
def test_a_clock_that_says_anything_breaks_no_page(at: float | None) -> None:
    assert moment(at) == "–" and iso(at) == ""


def test_a_device_of_any_name_has_an_address() -> None:
    assert device_page("a/../b?c=d&e#f", view="letters") == "/device?name=a%2F..%2Fb%3Fc%3Dd%26e%23f&view=letters"
    assert address("/", q="", show=None) == "/"


def test_counts_hashes_and_shares() -> None:
    assert (plural(1, "device"), plural(1200, "device")) == ("1 device", "1,200 devices")
    assert (short("0123456789abcdef"), short("0123")) == ("0123456789ab…", "0123")
    assert (percent(0.988), percent(None)) == ("98.8 %", "–")
