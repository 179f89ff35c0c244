"""How many frames a network may be run on together: of a small frame a file may make whatever it likes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import NetworkError
from common.plan.layers import Joining
from common.plan.shapes import Shape, layer_shape
from compiler.onnx.draft.draft import Activation, Item
from compiler.onnx.max_pooling import MaxPool

#: Values of one frame in memory at a time, at most: far more than a ciphertext has slots.
_MOST_OF_A_FRAME = 2**26
#: Frames that pass the items together, at most, and values of them all in memory at a time.
_MOST_PASSING, _MOST_PASSING_VALUES = 32, 2**25
#: Frames that activations are fitted on, at most; their values behind one item, and those in memory at a time.
_MOST_FITTED, _MOST_BEHIND_ONE, _MOST_FITTED_VALUES = 4000, 2**24, 2**26


@dataclass(frozen=True)
class Room:
    """What one frame takes: the values behind the item that gives most, those that are kept at a time, and with those
    that items make on their way."""

    largest: int
    kept: int
    made: int

    @classmethod
    def of(cls, items: Sequence[Item], shape: Shape) -> "Room":
        """For inputs of this shape (channels, height, width). Raises `NetworkError` where it is too much."""
        sizes = [math.prod(each) for each in _shapes(items, shape)]
        readers = last_readers(items)
        kept, most_kept, made = 0, sizes[0], sizes[0]
        for index, (item, before, after) in enumerate(zip(items, sizes, sizes[1:], strict=False)):
            kept += before if index - 1 in readers else 0
            most_kept = max(most_kept, kept + before + after)
            on_the_way = after * len(item.function.parts) if isinstance(item, Activation) else 0
            made = max(made, kept + before + after + on_the_way)
            if isinstance(item, Joining) and readers[item.layer] == index:
                kept -= sizes[item.layer + 1]
        if made > _MOST_OF_A_FRAME:
            raise NetworkError(
                f"the network holds {made:,} values of each frame at a time; at most {_MOST_OF_A_FRAME:,} may be. "
                "Use smaller frames or fewer channels"
            )
        return cls(max(sizes), most_kept, made)

    @property
    def passing(self) -> int:
        """Frames that pass the items together."""
        return max(1, min(_MOST_PASSING, _MOST_PASSING_VALUES // self.made))

    @property
    def fitted(self) -> int:
        """Frames that activations are fitted on; what they give is in memory for all of them."""
        return max(1, min(_MOST_FITTED, _MOST_BEHIND_ONE // self.largest, _MOST_FITTED_VALUES // self.kept))


def last_readers(items: Sequence[Item]) -> dict[int, int]:
    """The last item that reads the output of an earlier one, by that one's index, -1 for the input."""
    return {item.layer: index for index, item in enumerate(items) if isinstance(item, Joining)}


def _shapes(items: Sequence[Item], shape: Shape) -> list[Shape]:
    """The shape of the input, and that behind each item, without the batch."""
    shapes = [shape]
    for item in items:
        if isinstance(item, Joining):
            shape = shapes[item.layer + 1]
        elif isinstance(item, MaxPool):
            for layer in item.layers((shape[1], shape[2])):
                shape = layer_shape(layer, shape)
        elif not isinstance(item, Activation):
            shape = layer_shape(item, shape)
        shapes.append(shape)
    return shapes
