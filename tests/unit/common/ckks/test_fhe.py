"""What we write for SEAL is what SEAL writes; keys cut to a level serve that level; no key is made unasked."""

import numpy as np
import pytest

from common.ckks import seal_format
from common.ckks.fhe import Context
from common.ckks.parameters import Parameters
from common.errors import KeySetError
from common.keys.evaluation_keys import EvaluationKeysHeader, decode_evaluation_keys, encode_evaluation_keys

PARAMETERS = Parameters(128, 8192, (46, 56, 51, 60))
SCALE = 2.0**24


@pytest.fixture(scope="module")
def holder() -> Context:
    context = Context(PARAMETERS)
    context.generate_keys([1, 5])
    return context


def test_a_ciphertext_is_rebuilt_to_the_byte_at_every_level(holder: Context) -> None:
    ciphertext = holder.encrypt(np.arange(8.0), SCALE)
    for level in (2, 1, 0):
        blob = ciphertext._pyfhel.to_bytes("none")
        residues = seal_format.read_ciphertext(blob)
        assert residues.shape == (2, level + 1, 8192)
        assert seal_format.build_ciphertext(residues, holder.moduli.level_ids[level], SCALE) == blob
        if level:
            ciphertext = holder.switched_down(ciphertext, 1)


def test_switching_keys_are_rebuilt_to_the_byte(holder: Context) -> None:
    for blob, places in (
        (holder._engine.to_bytes_relin_key("none"), 1),
        (holder._engine.to_bytes_rotate_key("none"), PARAMETERS.ring_dimension),
    ):
        keys = dict(seal_format.read_switching_keys(blob))
        assert seal_format.build_switching_keys(keys, places, holder.moduli.key_id) == blob


@pytest.mark.parametrize("level", [0, 1, 2])
def test_keys_cut_to_a_level_serve_at_that_level(holder: Context, level: int) -> None:
    header = EvaluationKeysHeader("ab" * 32, PARAMETERS, level, {1: level, 5: level})
    _, worker = decode_evaluation_keys(encode_evaluation_keys(holder, header))
    values = np.random.default_rng(0).random(PARAMETERS.slots)
    ciphertext = holder.switched_down(holder.encrypt(values, SCALE), PARAMETERS.levels - level)
    ours = worker.load_ciphertext(holder.save_ciphertext(ciphertext), SCALE)
    rotated = holder.load_ciphertext(worker.save_ciphertext(worker.rotated(ours, 5)), SCALE)
    assert np.abs(holder.decrypt(rotated) - np.roll(values, -5)).max() < 0.01
    if level:  # the square of the scale needs more than q_0
        worker.square_in_place(ours)
        worker.relinearise_in_place(ours)
        back = holder.load_ciphertext(worker.save_ciphertext(ours), SCALE**2)
        assert np.abs(holder.decrypt(back) - values**2).max() < 0.01


def test_a_rotation_without_its_key_is_an_error_and_makes_no_key(holder: Context) -> None:
    worker = Context(PARAMETERS)
    ciphertext = worker.load_ciphertext(holder.save_ciphertext(holder.encrypt(np.ones(4), SCALE)), SCALE)
    for context, step in ((worker, 1), (holder, 2)):
        with pytest.raises(KeySetError, match=f"no rotation key for step {step}"):
            context.rotated(ciphertext, step)
    assert worker._engine.is_rotate_key_empty()
    with pytest.raises(KeySetError, match="no relinearisation key"):
        worker.relinearise_in_place(worker.product(ciphertext, ciphertext))


def test_a_plaintext_that_rounds_to_zero_is_none(holder: Context) -> None:
    assert holder.encode(np.zeros(PARAMETERS.slots), SCALE, 1) is None
    assert holder.encode(np.full(PARAMETERS.slots, 1e-12), SCALE, 1) is None
    assert holder.encode(np.ones(PARAMETERS.slots), SCALE, 1) is not None
