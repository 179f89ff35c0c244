"""What each party of a demo holds, as a picture and in a terminal."""

import io

import numpy as np
from rich.console import Console

from blindsight.demo.showing.blocks import blocks
from blindsight.demo.showing.noise import noise_picture
from blindsight.demo.showing.strip import Moment, draw_strip
from blindsight.demo.showing.table import moments_table

#: A picture that is dark at the left and light at the right.
HALVES = np.repeat(np.array([[[20] * 3] * 40 + [[220] * 3] * 40], np.uint8), 60, axis=0)


def moment(reading: str = "4709") -> Moment:
    return Moment(HALVES, bytes(range(256)) * 40, reading, "kWh, good, after 90 ms")


def test_noise_is_the_ciphertexts_own_bytes() -> None:
    data = bytes(range(100, 112))
    assert noise_picture(b"header" + data, (4, 3))[..., 0].tolist() == [
        [100 + 4 * row + i for i in range(4)] for row in range(3)
    ]


def test_a_short_ciphertext_begins_again() -> None:
    assert noise_picture(b"\x01\x02", (3, 1))[..., 0].tolist() == [[1, 2, 1]]


def test_a_strip_has_a_row_for_each_moment_with_picture_noise_and_reading() -> None:
    one, two = draw_strip([moment()]), draw_strip([moment(), moment("4710")])
    assert one.width == two.width
    row = two.height - one.height
    top, bottom = two.height - row, two.height - 16
    picture, noise, reading = (np.asarray(two.crop((left, top, left + 400, bottom))) for left in (16, 432, 848))
    assert picture[:, 220:].mean() - picture[:, :180].mean() > 150
    assert noise.std() > 40
    assert 1000 < (reading < 100).all(axis=2).sum() < reading[..., 0].size / 4  # letters on white
    assert not np.array_equal(reading, np.asarray(two.crop((848, 56, 1248, 56 + reading.shape[0]))))


def test_a_terminal_shows_two_pixels_in_each_character() -> None:
    text = blocks(HALVES, 8)
    lines = text.plain.split("\n")
    assert [len(line) for line in lines] == [8] * 3
    styles = {str(span.style) for span in text.spans}
    assert styles == {"#141414 on #141414", "#dcdcdc on #dcdcdc"}


def test_the_terminals_table_has_the_reading_beside_the_pictures() -> None:
    out = io.StringIO()
    Console(file=out, width=110).print(moments_table([moment()]))
    assert "4709" in out.getvalue()
    assert "▀" * 32 in out.getvalue()
