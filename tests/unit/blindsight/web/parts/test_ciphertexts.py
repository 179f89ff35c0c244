"""The last ciphertext of each device is kept, as long as all fit into their bound."""

import io

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from blindsight.web.parts.ciphertexts import Ciphertexts, noise_png


def test_the_last_ciphertext_of_a_device_takes_the_place_of_the_one_before() -> None:
    kept = Ciphertexts()
    kept.keep("cam-1", "a", b"first")
    kept.keep("cam-1", "b", b"second")
    assert kept.get("cam-1", "a") is None
    assert kept.get("cam-1", "b") == b"second"
    assert kept.get("cam-2", "b") is None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(min_value=0, max_value=12))))
def test_what_is_kept_never_exceeds_its_bound_and_the_oldest_make_room(kept: list[tuple[str, int]]) -> None:
    memory, expected = Ciphertexts(most_bytes=10), dict[str, bytes]()
    for device, size in kept:
        expected.pop(device, None)
        if size <= 10:
            expected[device] = bytes(size)
        while sum(map(len, expected.values())) > 10:
            del expected[next(iter(expected))]
        memory.keep(device, "job", bytes(size))
        assert {name: memory.get(name, "job") for name in "abcd"} == {name: expected.get(name) for name in "abcd"}


def test_a_ciphertext_is_drawn_as_its_bytes() -> None:
    image = Image.open(io.BytesIO(noise_png(bytes(range(256)) * 100)))
    assert (image.mode, image.size) == ("L", (100, 75))
    assert image.tobytes() == (bytes(range(256)) * 100)[-7500:]


def test_a_picture_of_nothing_is_refused_by_nobody() -> None:
    assert noise_png(b"\x07").startswith(b"\x89PNG")
