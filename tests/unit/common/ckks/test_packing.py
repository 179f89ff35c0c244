"""Packing gives the same bytes whoever does it: the engine's extension, or NumPy where that isn't installed."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.ckks.packing import pack, pack_with_numpy, packed_size, unpack, unpack_with_numpy


@given(st.integers(23, 60), st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_residues_of_any_size_come_back_whoever_packs_them(bits: int, seed: int, groups: int) -> None:
    residues = np.random.default_rng(seed).integers(0, 1 << bits, 64 * groups, dtype=np.uint64)
    residues[seed % len(residues)] = (1 << bits) - 1
    data = pack(residues, bits)
    assert data == pack_with_numpy(residues, bits)
    assert len(data) == packed_size(len(residues), bits) == 64 * groups * bits // 8
    assert np.array_equal(unpack(data, bits), residues)
    assert np.array_equal(unpack_with_numpy(memoryview(data), bits), residues)


@pytest.mark.skipif(importlib.util.find_spec("blindsight_engine") is None, reason="the extension isn't installed")
@given(st.integers(1, 64), st.lists(st.integers(0, 2**64 - 1), max_size=70))
def test_the_extension_packs_any_number_of_residues_of_any_size(bits: int, numbers: list[int]) -> None:
    import blindsight_engine

    small = [number >> (64 - bits) for number in numbers]
    packed = sum(number << (bits * place) for place, number in enumerate(small))
    data = blindsight_engine.pack(np.array(small, np.uint64), bits)
    assert data == packed.to_bytes((bits * len(small) + 7) // 8, "little")
    assert blindsight_engine.unpack(data, len(small), bits).tolist() == small
    for wrong in (data + b"\0", data[:-1]):
        if len(wrong) != len(data):
            with pytest.raises(ValueError, match="bytes"):
                blindsight_engine.unpack(wrong, len(small), bits)
