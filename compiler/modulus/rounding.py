"""What plaintexts lose when their coefficients are rounded to integers.

A vector of slots is encoded as a polynomial whose coefficients are real; CKKS multiplies them by
the scale and rounds (Cheon et al., ASIACRYPT 2017, section 3.2). The error is known as soon as
the weights are, so it needn't be guessed.
"""

import functools
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Array
from common.plan.plan import Stage
from compiler.transform import Vectors

_AT_ONCE = 64  # vectors


def coefficients(vectors: Vectors, dimension: int) -> Array:
    """Coefficients of the plaintexts that hold `vectors` (n, slots) in their slots, at scale 1."""
    values = np.zeros((len(vectors), dimension))
    places = _places(dimension)
    values[:, places] = values[:, dimension - 1 - places] = vectors
    found: Array = (np.fft.fft(values, axis=1) / dimension * _twist(dimension)).real
    return found


def with_rounded_weights(
    stage: Stage, scales: dict[int, float], dimension: int, frames: int, which: Sequence[int]
) -> list[Stage]:
    """The stage with the weights that its plaintexts really hold, for each of the frames `which`.

    Value k's weights are encoded at `scales[k]`. `frames` share a ciphertext, so each vector is
    repeated for them, but the errors differ from frame to frame.
    """
    pairs, rows = np.unique(stage.terms[:, [2, 5]], axis=0, return_inverse=True)  # (value, row of vectors)
    vectors, scale = stage.vectors[pairs[:, 1]], np.array([[scales[value]] for value in pairs[:, 0].tolist()])
    rounded = np.empty((len(which), *vectors.shape))
    if frames == dimension // 2:  # a constant's plaintext is a constant
        rounded[:] = np.round(vectors * scale) / scale
    else:
        for start in range(0, len(pairs), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            rounded[:, some] = _decoded(vectors[some], scale[some], dimension, frames)[:, :, which].transpose(2, 0, 1)
    terms = stage.terms.copy()
    terms[:, 5] = rows.reshape(-1)
    return [msgspec.structs.replace(stage, terms=terms, vectors=weights) for weights in rounded]


def _decoded(vectors: Vectors, scale: Array, dimension: int, frames: int) -> Array:
    """What is left of vectors (n, period) after encoding at `scale`, for each frame: (n, period, frames)."""
    period, slots = vectors.shape[1], dimension // 2 // frames
    full = np.tile(vectors, (1, slots // period)).repeat(frames, axis=1)
    held = np.round(coefficients(full, dimension) * scale) / scale
    decoded: Array = np.fft.ifft(held * dimension / _twist(dimension), axis=1).real[:, _places(dimension)]
    return decoded.reshape(len(vectors), slots, frames)[:, :period]


@functools.cache
def _places(dimension: int) -> NDArray[np.int64]:
    """Slot j stands at the root ζ^(3^j): its place among the odd powers of ζ."""
    exponents = np.array([pow(3, slot, 2 * dimension) for slot in range(dimension // 2)])
    return (exponents - 1) // 2


def _twist(dimension: int) -> NDArray[np.complex128]:
    twist: NDArray[np.complex128] = np.exp(-1j * np.pi * np.arange(dimension) / dimension)
    return twist
