"""The primes of a chain, found without SEAL, are SEAL's."""

import pytest

from common.errors import ParameterError
from common.fhe import moduli
from common.parameters import Parameters
from common.primes import primes


@pytest.mark.parametrize(
    "parameters",
    [
        Parameters(128, 4096, (36, 36, 37)),
        Parameters(128, 8192, (50, 54, 52, 60)),
        Parameters(128, 16384, (55, 51, 57, 57, 57, 55, 60)),
        Parameters(128, 8192, (23,) * 3 + (60, 60)),
    ],
)
def test_they_are_those_of_the_context(parameters: Parameters) -> None:
    assert primes(parameters) == moduli(parameters).primes


def test_more_than_there_are_is_said() -> None:
    with pytest.raises(ParameterError, match=r"there are 8 primes of 23 bits for ring dimension 32768, .* asks for 9"):
        primes(Parameters(128, 32768, (23,) * 9))
