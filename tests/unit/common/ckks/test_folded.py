"""Folded ciphertexts: half of the first polynomial, from which the rotation by half of the slots makes the whole."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ckks import seeding
from common.ckks.ciphertext import ciphertext_size, decode_ciphertext, decode_residues, encode_seeded
from common.ckks.fhe import Ciphertext, Context
from common.ckks.folded import decode_halves, encode_folded, folded_size, is_folded
from common.ckks.packing import Residues
from common.ckks.parameters import RING_DIMENSIONS, Parameters
from common.ckks.seal_format import SEED_BYTES, Seeded
from common.errors import WireError

PARAMETERS = Parameters(128, 4096, (34, 34, 38))
PRIMES = PARAMETERS.primes[:-1]
LEVEL, SCALE = PARAMETERS.levels, 2.0**25
VALUES = np.tile(np.linspace(-1, 1, PARAMETERS.half_turn), 2)
EXTENSION = pytest.mark.skipif(seeding._extension() is None, reason="the engine has no SEAL here")


@functools.cache
def holder() -> Context:
    made = Context(PARAMETERS)
    made.generate_keys([PARAMETERS.half_turn])
    return made


@functools.cache
def encrypted() -> Seeded:
    made = holder().seeding()
    assert made is not None
    return made.encrypt(holder().encoded(VALUES, SCALE))


def unfolded(data: bytes) -> Ciphertext:
    (half,) = decode_halves(PARAMETERS, data, 1)
    ciphertext = holder().load_ciphertext(half, SCALE)
    holder().add_in_place(ciphertext, holder().rotated(ciphertext, PARAMETERS.half_turn))
    return ciphertext


def residues_of(seed: int) -> Residues:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, prime, PARAMETERS.ring_dimension, dtype=np.uint64) for prime in PRIMES])


def wire() -> bytes:
    return encode_folded(PARAMETERS, Seeded(residues_of(0), bytes(range(SEED_BYTES))))


@pytest.mark.parametrize("dimension", RING_DIMENSIONS)
def test_the_rotation_by_half_of_the_slots_turns_the_sign_of_x(dimension: int) -> None:
    parameters = Parameters(128, dimension, (30, 30))
    assert parameters.galois_element(parameters.half_turn) == dimension + 1


@EXTENSION
def test_a_folded_ciphertext_has_half_of_the_bytes_of_one_with_a_seed_and_the_same_values() -> None:
    data = encode_folded(PARAMETERS, encrypted())
    assert len(data) == folded_size(PARAMETERS)
    start = 16 + SEED_BYTES
    assert len(data) - start == (ciphertext_size(PARAMETERS, LEVEL, seeded=True) - start) // 2
    assert np.abs(holder().decrypt(unfolded(data)) - VALUES).max() < 1e-3


@EXTENSION
def test_its_noise_is_that_of_one_rotation() -> None:
    unfolding = holder().decrypt(unfolded(encode_folded(PARAMETERS, encrypted()))) - VALUES
    whole = decode_ciphertext(holder(), encode_seeded(PARAMETERS, encrypted()), LEVEL, SCALE)
    rotating = holder().decrypt(holder().rotated(whole, PARAMETERS.half_turn)) - VALUES
    assert 0.5 * rotating.std() < unfolding.std() < 1.5 * rotating.std()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES))
def test_halves_of_the_means_of_neighbours_arrive_and_of_what_any_seed_stands_for(number: int, seed: bytes) -> None:
    first = residues_of(number)
    (half,) = decode_halves(PARAMETERS, encode_folded(PARAMETERS, Seeded(first, seed)), 1)
    (whole,) = decode_residues(PARAMETERS, encode_seeded(PARAMETERS, Seeded(first, seed)), LEVEL, 1)
    for index, prime in enumerate(PRIMES):
        four = half[0, index].astype(object) * 4 % prime
        neighbours = (first[index, 0::2].astype(object) + first[index, 1::2]) % prime
        assert np.array_equal(four[0::2], neighbours)
        assert np.array_equal(four[1::2], neighbours)
        assert np.array_equal(half[1, index].astype(object) * 2 % prime, whole[1, index])
        assert (half[:, index] < prime).all()


def test_several_stand_one_behind_the_other() -> None:
    assert len(decode_halves(PARAMETERS, wire() * 3, 3)) == 3
    with pytest.raises(WireError, match="were expected"):
        decode_halves(PARAMETERS, wire() * 3, 2)


def test_where_whole_ciphertexts_are_expected_a_folded_one_is_refused() -> None:
    assert is_folded(wire())
    for data in (wire(), wire().ljust(ciphertext_size(PARAMETERS, LEVEL), b"\0")):
        with pytest.raises(WireError):
            decode_ciphertext(holder(), data, LEVEL, SCALE)


@given(st.integers(0, 50_000))
def test_any_other_length_is_refused(length: int) -> None:
    if length != len(wire()):
        with pytest.raises(WireError, match="were expected"):
            decode_halves(PARAMETERS, (wire() * 3)[:length], 1)


@given(st.integers(0, 16 * 8 - 1))
def test_any_bit_flipped_in_the_header_is_refused(bit: int) -> None:
    data = bytearray(wire())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WireError, match="the ciphertext"):
        decode_halves(PARAMETERS, bytes(data), 1)


def test_residues_that_are_not_below_their_primes_are_refused() -> None:
    start = 16 + SEED_BYTES
    with pytest.raises(WireError, match="below its prime"):
        decode_halves(PARAMETERS, wire()[:start] + b"\xff" * (len(wire()) - start), 1)
