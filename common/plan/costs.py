"""What an operation costs, in milliseconds, by ring dimension and level.

The times are measured on the machine (`blindsight calibrate`) and kept in a file; without one,
those that ship are used, which were measured on one core of an AMD EPYC 9004.
"""

import os
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from common.ckks.parameters import RING_DIMENSIONS
from common.errors import ConfigurationError
from common.files import read_file

#: The file of the times that ship.
_SHIPPED = Path(__file__).with_name("costs.json")
#: Bytes of the largest file of times.
_MOST_BYTES = 1 << 20

#: Times in ms by level, none of them negative.
Times = Annotated[list[Annotated[float, msgspec.Meta(ge=0, le=1e9)]], msgspec.Meta(min_length=1)]


class StageWork(NamedTuple):
    """How many operations one linear stage takes, and the squares behind it.

    Only products with encrypted weights have `relinearisations`. `early`: the stage rescales before it squares.
    """

    rotations: int
    products: int
    squares: int
    relinearisations: int = 0
    early: bool = False


class Costs(msgspec.Struct, frozen=True):
    """Times in ms: by ring dimension a list, whose element ℓ is for a ciphertext at level ℓ.

    `rotate` is one rotation; `multiply` a product with a plaintext and the addition of the result,
    `product` one with an encrypted weight, before relinearisation; `square` a square, its
    relinearisation and its rescaling (which level 0 can't do: 0 there); `decode` and `encode` turn a
    ciphertext's wire form into the ciphertext, and back.
    """

    rotate: dict[int, Times]
    multiply: dict[int, Times]
    product: dict[int, Times]
    square: dict[int, Times]
    decode: dict[int, Times]
    encode: dict[int, Times]

    def rotation_ms(self, ring_dimension: int, level: int) -> float:
        """Time of one rotation of a ciphertext at a level, in ms."""
        return _at(self.rotate, ring_dimension, level, 2)

    def stage_ms(self, work: StageWork, ring_dimension: int, level: int) -> float:
        """Time of all rotations and products of one linear stage at a level, and of the squares behind it, in ms.

        A relinearisation takes as long as a rotation: both are one key switch.
        """
        products = self.product if work.relinearisations else self.multiply
        return (
            (work.rotations + work.relinearisations) * self.rotation_ms(ring_dimension, level)
            + work.products * _at(products, ring_dimension, level, 1)
            + work.squares * _at(self.square, ring_dimension, level - work.early, 2)
        )

    def wire_ms(self, inputs: int, outputs: int, ring_dimension: int, level: int) -> float:
        """Time of decoding `inputs` ciphertexts at a level, and of encoding `outputs` others at level 0, in ms."""
        decoding, encoding = _at(self.decode, ring_dimension, level, 1), _at(self.encode, ring_dimension, 0, 1)
        return inputs * decoding + outputs * encoding


def costs_path() -> Path:
    """Where this machine's own times are kept. Raises `ConfigurationError` for a user without a home."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():  # such a variable is to be ignored, says its standard
        try:
            cache = Path.home() / ".cache"
        except RuntimeError:
            raise ConfigurationError(
                "there is no folder for this machine's times: this user has no home, and HOME isn't set; "
                "set XDG_CACHE_HOME to a folder that can be written"
            ) from None
    return cache / "blindsight" / "costs.json"


def load_costs() -> Costs:
    """This machine's times, or those that ship. Raises `ConfigurationError` for a damaged file."""
    try:
        path = costs_path()
        data = read_file(path, _MOST_BYTES)
    except (ConfigurationError, OSError):  # no home, nothing there, or nothing that this user may read
        path, data = _SHIPPED, _SHIPPED.read_bytes()
    try:
        costs = msgspec.json.decode(data, type=Costs)
    except (ValueError, RecursionError) as error:  # msgspec's errors are a kind of ValueError
        raise ConfigurationError(f"{path} can't be read: {error}; run: blindsight calibrate") from error
    if any(not times.get(ring) for times in msgspec.structs.astuple(costs) for ring in RING_DIMENSIONS):
        raise ConfigurationError(f"{path} lacks times; run: blindsight calibrate")
    return costs


def _at(times: dict[int, list[float]], ring_dimension: int, level: int, power: int) -> float:
    """A measured time, or beyond the measured levels one that grows with a power of the number of primes."""
    by_level = times[ring_dimension]
    if level < len(by_level):
        return by_level[level]
    return by_level[-1] * ((level + 1) / len(by_level)) ** power
