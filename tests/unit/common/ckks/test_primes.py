"""The primes of a chain, found without SEAL, are SEAL's."""

import pytest

from common.ckks.fhe import moduli
from common.ckks.parameters import Parameters


@pytest.mark.parametrize(
    "parameters",
    [
        Parameters(128, 4096, (35, 35, 36)),
        Parameters(128, 8192, (52, 52, 50, 60)),
        Parameters(128, 16384, (55, 51, 57, 57, 57, 55, 60)),
        Parameters(128, 8192, (23,) * 3 + (60, 60)),
    ],
)
def test_they_are_those_of_the_context(parameters: Parameters) -> None:
    assert parameters.primes == moduli(parameters).primes
