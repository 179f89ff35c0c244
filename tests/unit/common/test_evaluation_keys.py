"""Evaluation keys on the wire: whole, or refused by their header before memory is spent."""

import functools
import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import WireError
from common.evaluation_keys import EvaluationKeysHeader, decode_evaluation_keys, encode_evaluation_keys, read_header
from common.fhe import Context
from common.parameters import Parameters

PARAMETERS = Parameters(128, 4096, (35, 35, 39))
HEADER = EvaluationKeysHeader("ab" * 32, PARAMETERS, 1, {1: 1, 7: 0})


@functools.cache
def wire() -> bytes:
    context = Context(PARAMETERS)
    context.generate_keys(HEADER.rotations)
    return encode_evaluation_keys(context, HEADER)


def with_header(header: object) -> bytes:
    encoded = msgspec.msgpack.encode(header)
    return b"BSEK1\0" + struct.pack("<I", len(encoded)) + encoded + bytes(1000)


def test_the_header_comes_back_and_tells_the_size() -> None:
    header, offset = read_header(wire())
    assert header == HEADER
    assert offset + header.size == len(wire())
    assert decode_evaluation_keys(wire())[0] == HEADER


def test_keys_used_at_a_lower_level_are_smaller() -> None:
    low = msgspec.structs.replace(HEADER, rotations={1: 0, 7: 0})
    assert low.size < HEADER.size


@given(st.integers(0, 2000))
def test_a_cut_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(WireError):
        read_header(wire()[: len(wire()) - 1 - cut])
    with pytest.raises(WireError):
        read_header(wire()[:cut])


@given(st.binary(max_size=300))
def test_bytes_at_random_are_refused(data: bytes) -> None:
    for candidate in (data, b"BSEK1\0" + data, with_header({})[:20] + data):
        with pytest.raises(WireError):
            read_header(candidate)


@settings(max_examples=50, deadline=None)
@given(st.integers(10, 150), st.integers(0, 7))
def test_a_bit_flipped_in_the_header_is_refused_or_names_other_keys(position: int, bit: int) -> None:
    data = bytearray(wire())
    data[position] ^= 1 << bit
    try:
        header, _ = decode_evaluation_keys(bytes(data))
    except WireError:
        return
    assert isinstance(header, EvaluationKeysHeader)


@pytest.mark.parametrize(
    "change",
    [
        {"relinearisation_level": 2},
        {"relinearisation_level": -1},
        {"rotations": {0: 0}},
        {"rotations": {2048: 0}},
        {"rotations": {-1: 0}},
        {"rotations": {1: 5}},
        {"rotations": {step: 0 for step in range(1, 2000)}},
        {"parameters": {"security_bits": 0, "ring_dimension": 4096, "prime_bits": [35, 35, 39]}},
        {"parameters": {"security_bits": 128, "ring_dimension": 2**40, "prime_bits": [35, 35, 39]}},
        {"parameters": {"security_bits": 128, "ring_dimension": 4096, "prime_bits": [60, 60, 60]}},
        {"fingerprint": 7},
    ],
    ids=str,
)
def test_a_header_that_asks_for_the_impossible_is_refused(change: dict) -> None:
    fields = {**msgspec.to_builtins(HEADER), **change}
    with pytest.raises(WireError):
        decode_evaluation_keys(with_header(fields))


def test_a_header_that_claims_to_be_huge_is_refused() -> None:
    with pytest.raises(WireError):
        read_header(b"BSEK1\0" + struct.pack("<I", 2**32 - 1) + bytes(100))
