"""What plaintexts lose when their coefficients are rounded to integers.

A vector of slots is encoded as a polynomial whose coefficients are real; CKKS multiplies them by
the scale and rounds (Cheon et al., ASIACRYPT 2017, section 3.2). The error is known as soon as
the weights are, so it needn't be guessed.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from common.ckks.embedding import coefficients, slots_of
from common.plan.layers import Array
from common.plan.stage import Stage
from compiler.transform import Vectors

#: Vectors that are transformed at once: more take memory, and no less time.
_AT_ONCE = 64


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
    return slots_of(plaintexts, dimension).reshape(len(vectors), slots, frames)[:, :period]
