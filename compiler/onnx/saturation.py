"""Where a quantised network's values leave what its integers can hold often enough to matter, on calibration frames."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from compiler.onnx.conversion import Draftwork
from compiler.onnx.draft.draft import Activation
from compiler.onnx.fits.activations import inputs_of

#: Frames that are looked at, at most.
_MOST_FRAMES = 128
#: Share of the values' spread; saturation that changes them by less, as a root mean square, is left out. That of a
#: range which was calibrated changes less; that in which a ReLU was hidden changes far more.
_LEAST = 0.01


def edges_that_matter(draft: Draftwork, frames: NDArray[np.uint8]) -> frozenset[str]:
    """The names of the QuantizeLinear nodes whose edges change values, of those in a draft that keeps all edges."""
    chosen = frames[:: -(-len(frames) // _MOST_FRAMES)]
    found: dict[int, list[NDArray[np.float64]]] = {index: [] for index in draft.limited.values()}
    for index, values in inputs_of(draft.items, chosen, found):
        found[index].append(values)
    return frozenset(name for name, index in draft.limited.items() if _changes(draft.items[index], found[index]))


def _changes(item: object, values: Sequence[NDArray[np.float64]]) -> bool:
    assert isinstance(item, Activation)
    function = item.function
    before = np.concatenate([function.operands[0].apply(each) for each in values])
    after = np.concatenate([function.apply(each) for each in values])
    return bool(np.sqrt(np.mean((before - after) ** 2)) > _LEAST * (before.std() or 1.0))
