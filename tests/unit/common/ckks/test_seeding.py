"""Ciphertexts and keys with seeds: half of the bytes, made by SEAL, and read by whoever reads the others."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ckks import seal_format, seeding
from common.ckks.ciphertext import ciphertext_size, decode_ciphertext, decode_ciphertexts, encode_seeded
from common.ckks.fhe import Context
from common.ckks.parameters import Parameters
from common.ckks.seal_format import SEED_BYTES, Seeded
from common.ckks.seeding import Seeding
from common.errors import WireError
from common.keys.evaluation_keys import (
    EvaluationKeysHeader,
    decode_evaluation_keys,
    encode_evaluation_keys,
    make_seeded_keys,
    without_seeds,
)

PARAMETERS = Parameters(128, 4096, (34, 34, 38))
LEVEL, SCALE = PARAMETERS.levels, 2.0**25
VALUES = np.linspace(-1, 1, PARAMETERS.slots)
HEADER = EvaluationKeysHeader("ab" * 32, PARAMETERS, 1, {1: 1, 7: 0}, seeded=True)
EXTENSION = pytest.mark.skipif(seeding._extension() is None, reason="the engine has no SEAL here")


@functools.cache
def holder() -> Context:
    made = Context(PARAMETERS)
    made.generate_keys(HEADER.rotations)
    return made


@functools.cache
def maker() -> Seeding:
    made = holder().seeding()
    assert made is not None
    return made


def encrypted() -> bytes:
    return encode_seeded(PARAMETERS, maker().encrypt(holder().encoded(VALUES, SCALE)))


def of_seed(seed: bytes) -> Seeded:
    """A ciphertext of nothing: whatever it decrypts to, whoever gets it has to bear it."""
    residues = np.arange(PARAMETERS.ring_dimension, dtype=np.uint64)
    return Seeded(np.stack([residues] * (LEVEL + 1)), seed)


def decrypted(data: bytes) -> np.ndarray:
    return holder().decrypt(decode_ciphertext(holder(), data, LEVEL, SCALE))


@EXTENSION
def test_a_ciphertext_with_a_seed_has_half_of_the_bytes_and_less_noise() -> None:
    data = encrypted()
    assert len(data) == ciphertext_size(PARAMETERS, LEVEL, seeded=True)
    assert len(data) - SEED_BYTES - 16 == (ciphertext_size(PARAMETERS, LEVEL) - 16) // 2
    error = (decrypted(data) - VALUES).std()
    public = (holder().decrypt(holder().encrypt(VALUES, SCALE)) - VALUES).std()
    assert error < public / 3


@EXTENSION
def test_each_ciphertext_and_each_part_of_a_key_has_a_seed_of_its_own() -> None:
    seeds = [maker().encrypt(holder().encoded(VALUES, SCALE)).seed for _ in range(3)]
    keys = [maker().relinearisation_key(), *maker().rotation_keys([1, 7]).values()]
    seeds += [part.seed for key in keys for part in key]
    assert len(set(seeds)) == len(seeds) == 3 + 3 * 2


@EXTENSION
def test_ciphertexts_with_seeds_stand_one_behind_the_other() -> None:
    data = encrypted() + encrypted()
    pair = decode_ciphertexts(holder(), data, LEVEL, SCALE, 2)
    assert all(np.abs(holder().decrypt(one) - VALUES).max() < 1e-3 for one in pair)
    with pytest.raises(WireError, match="were expected"):
        decode_ciphertexts(holder(), data, LEVEL, SCALE, 3)


@EXTENSION
def test_keys_with_seeds_rotate_and_relinearise_as_others_do() -> None:
    data = make_seeded_keys(maker(), HEADER)
    header, worker = decode_evaluation_keys(data)
    assert header == HEADER
    one = decode_ciphertext(worker, encrypted(), LEVEL, SCALE)
    found = holder().decrypt(worker.rotated(one, 1))
    assert np.abs(found - np.roll(VALUES, -1)).max() < 1e-2
    lower = worker.switched_down(one, 1)
    assert np.abs(holder().decrypt(worker.rotated(lower, 7)) - np.roll(VALUES, -7)).max() < 1e-2
    worker.square_in_place(one)
    worker.relinearise_in_place(one)
    assert np.abs(holder().decrypt(one) - VALUES**2).max() < 1e-2


@EXTENSION
def test_keys_with_seeds_are_half_as_large_and_can_be_written_out() -> None:
    data = make_seeded_keys(maker(), HEADER)
    full = without_seeds(data)
    header, worker = decode_evaluation_keys(full)
    assert not header.seeded
    assert header.size / 2 < HEADER.size < 0.51 * header.size
    _, expanded = decode_evaluation_keys(data)
    assert np.array_equal(worker.save_rotation_keys()[1], expanded.save_rotation_keys()[1])
    assert np.array_equal(worker.save_relinearisation_key(), expanded.save_relinearisation_key())


def test_without_the_secret_key_or_the_extension_nothing_has_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Context(PARAMETERS).seeding() is None
    monkeypatch.setattr(seeding, "_extension", lambda: None)
    assert holder().seeding() is None


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES))
def test_any_64_bytes_are_a_seed_and_give_the_same_residues_each_time(seed: bytes) -> None:
    data = encode_seeded(PARAMETERS, of_seed(seed))
    first, second = (holder().save_ciphertext(decode_ciphertext(holder(), data, LEVEL, SCALE)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(first[0], of_seed(seed).first)
    assert all((first[1][index] < prime).all() for index, prime in enumerate(PARAMETERS.primes[: LEVEL + 1]))


@given(st.integers(0, 100_000))
def test_any_other_length_is_refused(length: int) -> None:
    data = encode_seeded(PARAMETERS, of_seed(bytes(SEED_BYTES)))
    if length != len(data):
        with pytest.raises(WireError):
            decrypted((data * 3)[:length])


@given(st.integers(0, 16 * 8 - 1))
def test_any_bit_flipped_in_the_header_is_refused(bit: int) -> None:
    data = bytearray(encode_seeded(PARAMETERS, of_seed(bytes(SEED_BYTES))))
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WireError, match="the ciphertext"):
        decrypted(bytes(data))


def test_residues_that_are_not_below_their_primes_are_refused() -> None:
    data = encode_seeded(PARAMETERS, of_seed(bytes(SEED_BYTES)))
    with pytest.raises(WireError, match="below its prime"):
        decrypted(data[: 16 + SEED_BYTES] + b"\xff" * (len(data) - 16 - SEED_BYTES))


def test_seals_bytes_without_a_seed_are_not_taken_for_some_with_one() -> None:
    whole = seal_format.build_ciphertext(np.zeros((2, 2, 8), np.uint64), bytes(32), 1.0)
    with pytest.raises(ValueError, match="no ciphertext with a seed"):
        seal_format.read_seeded(whole)


@settings(max_examples=20, deadline=None)
@given(st.integers(10, 150), st.integers(0, 7))
def test_a_bit_flipped_in_the_head_of_keys_with_seeds_is_refused_or_names_other_keys(position: int, bit: int) -> None:
    full = encode_evaluation_keys(holder(), EvaluationKeysHeader("ab" * 32, PARAMETERS, None, {7: 0}))
    data = bytearray(full)
    data[position] ^= 1 << bit
    try:
        decode_evaluation_keys(bytes(data))
    except WireError:
        return
