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

#: Vectors that are transformed at once: more take memory, and no less time.
_AT_ONCE = 64


def coefficients(vectors: Vectors, dimension: int) -> Array:
    """Coefficients (n, dimension) of the plaintexts that hold `vectors` (n, dimension / 2) in their slots, at scale 1.

    The inverse of the canonical embedding, by one FFT (Cheon et al., ASIACRYPT 2017, section 3.2): slot j is the
    polynomial's value at ζ^(3^j), ζ = exp(iπ / dimension), and its conjugate's at the conjugate root.
    """
    values = np.zeros((len(vectors), dimension))
    places = _places(dimension)
    values[:, places] = values[:, dimension - 1 - places] = vectors
    real: Array = (np.fft.fft(values, axis=1) / dimension * _twist(dimension)).real
    return real


def with_rounded_weights(
    stage: Stage, scales: dict[int, float], dimension: int, frames: int, which: Sequence[int]
) -> list[Stage]:
    """The stage with the weights that its plaintexts really hold: one stage for each of the frames `which`.

    Value k's weights are encoded at `scales[k]`, in a ring of this dimension. `frames` share a ciphertext, so each
    vector is repeated for them, but the errors differ from frame to frame.
    """
    pairs, rows = np.unique(stage.terms[:, [2, 5]], axis=0, return_inverse=True)  # (value, row of vectors)
    vectors, scale = stage.vectors[pairs[:, 1]], np.array([[scales[value]] for value in pairs[:, 0].tolist()])
    weights_by_frame = np.empty((len(which), *vectors.shape))
    if frames == dimension // 2:  # a constant's plaintext is a constant
        weights_by_frame[:] = np.round(vectors * scale) / scale
    else:
        for start in range(0, len(pairs), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            weights_by_frame[:, some] = _slots_of_plaintexts(vectors[some], scale[some], dimension, frames)[
                :, :, which
            ].transpose(2, 0, 1)
    terms = stage.terms.copy()
    terms[:, 5] = rows.reshape(-1)
    return [msgspec.structs.replace(stage, terms=terms, vectors=weights) for weights in weights_by_frame]


def _slots_of_plaintexts(vectors: Vectors, scale: Array, dimension: int, frames: int) -> Array:
    """What plaintexts of vectors (n, period) at `scale` (n, 1) hold for each frame: shape (n, period, frames)."""
    period, slots = vectors.shape[1], dimension // 2 // frames
    full = np.tile(vectors, (1, slots // period)).repeat(frames, axis=1)
    plaintexts = np.round(coefficients(full, dimension) * scale) / scale
    slots_by_frame: Array = np.fft.ifft(plaintexts * dimension / _twist(dimension), axis=1).real[:, _places(dimension)]
    return slots_by_frame.reshape(len(vectors), slots, frames)[:, :period]


@functools.cache
def _places(dimension: int) -> NDArray[np.int64]:
    """The place of each slot among the odd powers of ζ: slot j stands at the root ζ^(3^j)."""
    exponents = np.array([pow(3, slot, 2 * dimension) for slot in range(dimension // 2)])
    return (exponents - 1) // 2


def _twist(dimension: int) -> NDArray[np.complex128]:
    """What makes a transform over all powers of a root one over the odd powers of its square root."""
    twist: NDArray[np.complex128] = np.exp(-1j * np.pi * np.arange(dimension) / dimension)
    return twist
