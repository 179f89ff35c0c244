"""Ciphertexts on the wire: as they were sent, or refused before SEAL sees a byte."""

import functools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ckks.ciphertext import (
    ciphertext_size,
    decode_ciphertext,
    decode_residues,
    encode_ciphertext,
    encode_residues,
)
from common.ckks.fhe import Context
from common.ckks.parameters import Parameters
from common.errors import WireError

PARAMETERS = Parameters(128, 4096, (44, 50))
SCALE = 2.0**30
VALUES = np.linspace(-1, 1, PARAMETERS.slots)


@functools.cache
def context() -> Context:
    made = Context(PARAMETERS)
    made.generate_keys([1])
    return made


@functools.cache
def wire() -> bytes:
    return encode_ciphertext(context(), context().encrypt(VALUES, SCALE))


def decode(data: bytes) -> np.ndarray:
    return context().decrypt(decode_ciphertext(context(), data, 0, SCALE))


def test_a_ciphertext_comes_back() -> None:
    assert len(wire()) == ciphertext_size(PARAMETERS, 0)
    assert np.abs(decode(wire()) - VALUES).max() < 1e-3


def test_residues_are_read_and_written_without_seal_as_with_it() -> None:
    (residues,) = decode_residues(PARAMETERS, wire(), 0, 1)
    assert np.array_equal(residues, context().save_ciphertext(decode_ciphertext(context(), wire(), 0, SCALE)))
    assert encode_residues(PARAMETERS, residues) == wire()
    assert len(decode_residues(PARAMETERS, wire() * 3, 0, 3)) == 3


@given(st.integers(0, 200_000))
def test_any_other_length_is_refused(length: int) -> None:
    data = (wire() * 5)[:length]
    if length != len(wire()):
        with pytest.raises(WireError):
            decode(data)


@given(st.binary(max_size=200))
def test_bytes_at_random_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)


@given(st.integers(0, 16 * 8 - 1))
def test_any_bit_flipped_in_the_header_is_refused(bit: int) -> None:
    data = bytearray(wire())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WireError, match="the ciphertext's"):
        decode(bytes(data))


@settings(max_examples=30, deadline=None)
@given(st.integers(16, ciphertext_size(PARAMETERS, 0) - 1), st.integers(0, 7))
def test_a_bit_flipped_in_the_residues_is_refused_or_harmless(position: int, bit: int) -> None:
    data = bytearray(wire())
    data[position] ^= 1 << bit
    try:
        ciphertext = decode_ciphertext(context(), bytes(data), 0, SCALE)
    except WireError as error:
        with pytest.raises(WireError, match=re.escape(str(error))):
            decode_residues(PARAMETERS, bytes(data), 0, 1)
        return
    context().rotated(ciphertext, 1)  # noise, but no crash: SEAL got residues below their primes
    assert np.isfinite(context().decrypt(ciphertext)).all()


def test_a_ciphertext_of_another_level_is_refused() -> None:
    longer = Context(Parameters(128, 4096, (34, 34, 40)))
    longer.generate_keys([])
    data = encode_ciphertext(longer, longer.encrypt(np.ones(4), SCALE))
    with pytest.raises(WireError, match="level is 1 where 0"):
        decode_ciphertext(longer, data, 0, SCALE)


def test_bytes_that_encrypt_nothing_are_refused() -> None:
    header, size = wire()[:16], ciphertext_size(PARAMETERS, 0) - 16
    readable = header + wire()[16 : 16 + size // 2] + bytes(size // 2)  # SEAL calls this transparent, and throws later
    for data in (readable, header + bytes(size)):
        with pytest.raises(WireError, match="nothing is encrypted"):
            decode(data)


def test_a_ciphertext_of_other_parameters_is_refused() -> None:
    other = Context(Parameters(128, 4096, (45, 50)))
    with pytest.raises(WireError, match="parameters"):
        decode_ciphertext(other, wire(), 0, SCALE)
