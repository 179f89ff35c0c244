"""A fresh ciphertext plus its rotation by half of the slots, as a stage of the engine's."""

import blindsight_engine
import numpy as np

from common.ckks.parameters import Parameters

#: The Galois element of no rotation.
_NO_ROTATION = 1


def half_turn_stage(parameters: Parameters, ring: blindsight_engine.Ring) -> blindsight_engine.Stage:
    """A stage that adds an input to its rotation: each times a one, which has no scale."""
    level, element = parameters.levels, parameters.galois_element(parameters.half_turn)
    return blindsight_engine.Stage(
        ring,
        level,
        rotations=np.array([(0, _NO_ROTATION), (0, element)]),
        sums=np.array([(0, _NO_ROTATION)]),
        terms=np.array([(0, 0, 0), (0, 1, 0)]),
        weights=[np.ones((level + 1, parameters.ring_dimension), dtype=np.uint64)],
        fold_groups=[],
        biases=[None],
        square=False,
        rescale_first=False,
    )
