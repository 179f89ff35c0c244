"""Rounded ciphertexts: the upper bits of coefficients, restored with the error that was foretold, or refused."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ckks.ciphertext import encode_ciphertexts
from common.ckks.fhe import Ciphertext, Context
from common.ckks.parameters import Parameters
from common.ckks.rounded import Bits, decode_scores, encode_rounded, rounded_size
from common.errors import WireError

PARAMETERS = Parameters(128, 4096, (50, 55))
N, SCALE = PARAMETERS.ring_dimension, 2.0**40
VALUES = np.linspace(-1, 1, PARAMETERS.slots)


@functools.cache
def context() -> Context:
    made = Context(PARAMETERS)
    made.generate_secret_key()
    return made


@functools.cache
def encrypted() -> Ciphertext:
    return context().encrypt(VALUES, SCALE)


@functools.cache
def wire(bits: Bits = (26, 31)) -> bytes:
    return encode_rounded(PARAMETERS, [context().save_ciphertext(encrypted())], bits)


def decode(data: bytes, count: int = 1) -> list[np.ndarray]:
    return [context().decrypt(one) for one in decode_scores(context(), data, SCALE, count)]


@pytest.mark.parametrize("bits", [(26, 31), (30, 30), (28, 36)], ids=str)
def test_what_is_left_out_is_an_error_of_the_foretold_size(bits: Bits) -> None:
    data = wire(bits)
    assert len(data) == rounded_size(PARAMETERS, bits) == 16 + 2 + N * sum(bits) // 8
    error = decode(data)[0] - context().decrypt(encrypted())
    foretold = np.hypot(np.sqrt(N / 24) * 2.0 ** (50 - bits[0]), N / 6 * 2.0 ** (50 - bits[1])) / SCALE
    assert 0.8 * foretold < error.std() < 1.25 * foretold


def test_all_bits_are_the_ciphertext_itself() -> None:
    (restored,) = decode_scores(context(), wire((50, 50)), SCALE, 1)
    assert np.array_equal(context().save_ciphertext(restored), context().save_ciphertext(encrypted()))


def test_rounded_or_not_scores_are_read() -> None:
    whole = encode_ciphertexts(context(), [encrypted(), encrypted()])
    for data in (whole, wire((30, 36)) * 2):
        assert all(np.abs(each - VALUES).max() < 1e-2 for each in decode(data, 2))
        for count in (1, 3):
            with pytest.raises(WireError, match="were expected"):
                decode(data, count)


def test_scores_that_are_rounded_differently_are_refused() -> None:
    with pytest.raises(WireError, match="same bits"):
        decode(wire((26, 31)) + wire((31, 26)), 2)


@pytest.mark.parametrize("bits", [(0, 31), (26, 0), (51, 31), (26, 255)], ids=str)
def test_bits_that_no_coefficient_has_are_refused(bits: Bits) -> None:
    with pytest.raises(WireError, match="1 to 50 bits"):
        decode(wire()[:16] + bytes(bits) + wire()[18:])


def test_a_second_polynomial_of_zeros_is_refused() -> None:
    with pytest.raises(WireError, match="nothing is encrypted"):
        decode(wire()[:18] + bytes(len(wire()) - 18))


@given(st.integers(0, 60_000))
def test_any_other_length_is_refused(length: int) -> None:
    if length != len(wire()):
        with pytest.raises(WireError):
            decode((wire() * 3)[:length])


@given(st.integers(0, 16 * 8 - 1))
def test_any_bit_flipped_in_the_header_is_refused(bit: int) -> None:
    data = bytearray(wire())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WireError, match="the ciphertext"):
        decode(bytes(data))


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=1, max_size=64))
def test_any_coefficients_are_borne(pattern: bytes) -> None:
    size = len(wire()) - 18
    data = wire()[:18] + (pattern * size)[:size]
    if any(data[18 + N * 26 // 8 :]):
        assert np.isfinite(decode(data)).all()
