"""What the extension draws from a seed is what SEAL draws from it, word for word."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ckks.expansion import NativeExpander, SealExpander
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.ckks.seal_format import Seeded

blindsight_engine = pytest.importorskip("blindsight_engine", reason="the extension isn't installed")

#: Of 60 bits: SEAL draws anew for up to one word in 16, which it does for hardly any of 20 bits.
CHAINS = [Parameters(128, 4096, (40, 25, 40)), Parameters(128, 8192, (60, 60, 60)), Parameters(128, 2048, (25, 25))]
EXPANDERS = [
    (parameters, SealExpander(parameters), NativeExpander(parameters, path))
    for parameters in CHAINS
    for path in blindsight_engine.paths()
]


def drawn(parameters: Parameters, primes: int) -> Residues:
    random = np.random.default_rng(0)
    rows = [random.integers(0, prime, parameters.ring_dimension, np.uint64) for prime in parameters.primes[:primes]]
    return np.stack(rows)


@settings(max_examples=5, deadline=None)
@given(st.binary(min_size=64, max_size=64))
def test_seeds_expand_to_what_seal_makes_of_them(seed: bytes) -> None:
    for parameters, seal, native in EXPANDERS:
        for primes in range(1, len(parameters.primes)):
            ciphertext = Seeded(drawn(parameters, primes), seed)
            np.testing.assert_array_equal(native.ciphertext(ciphertext), seal.ciphertext(ciphertext))
        part = Seeded(drawn(parameters, len(parameters.primes)), seed)
        np.testing.assert_array_equal(native.part_of_key(part), seal.part_of_key(part))


@pytest.mark.parametrize(("seed", "count", "message"), [(63, 1, "63 bytes, not 64"), (64, 0, "0 primes"), (64, 9, "9")])
def test_a_seed_of_another_length_and_primes_that_are_none_are_refused(seed: int, count: int, message: str) -> None:
    ring = blindsight_engine.Ring(12, CHAINS[0].primes)
    with pytest.raises(ValueError, match=message):
        ring.expand(bytes(seed), count)


def test_a_ring_below_the_smallest_of_seals_draws_is_refused() -> None:
    with pytest.raises(ValueError, match="dimension is 256"):
        blindsight_engine.Ring(8, CHAINS[0].primes).expand(bytes(64), 1)
