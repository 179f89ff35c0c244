"""A network as matrices, to be run forwards, and backwards for gradients."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from common.plan.layers import Array, Dense, Joining, Layer, Multiply, Polynomial, Recall
from common.plan.shapes import Shape, layer_shapes
from compiler.matrices import Matrix, affine_map, matrix_weights


@dataclass(frozen=True)
class Tape:
    """Layers as matrices; tensors are (elements, frames) here, and tensor k is the input of layer k."""

    layers: list[Layer]
    matrices: list[tuple[Matrix, Array] | None]

    @classmethod
    def of(cls, layers: Sequence[Layer], shape: Shape) -> "Tape":
        """Of layers that take inputs of this shape."""
        matrices: list[tuple[Matrix, Array] | None] = []
        for layer, before in zip(layers, layer_shapes(layers, shape), strict=False):
            if isinstance(layer, Joining | Polynomial):
                matrices.append(None)
            elif isinstance(layer, Dense):
                matrices.append((np.asarray(layer.weight), np.asarray(layer.bias)))
            else:
                matrices.append(affine_map(layer, before)[:2])
        return cls(list(layers), matrices)

    def forward(self, values: Array) -> list[Array]:
        """The input, and what each layer gives."""
        outputs = [values.reshape(len(values), -1).T]
        for layer, affine in zip(self.layers, self.matrices, strict=True):
            x = outputs[-1]
            if isinstance(layer, Joining):
                outputs.append(layer.joined(x, outputs[layer.layer + 1]))
            elif isinstance(layer, Polynomial):
                a, b, c = (by_element(each, x) for each in (layer.a, layer.b, layer.c))
                outputs.append((a * x + b) * x + c)
            else:
                assert affine is not None
                outputs.append(affine[0] @ x + affine[1][:, None])
        return outputs

    def backward(self, outputs: Sequence[Array], gradient: Array, wanted: set[int]) -> Iterator[tuple[int, Array]]:
        """From the gradient of the scores, those of what the `wanted` layers give, from the last to the first."""
        gradients: dict[int, Array] = {len(self.layers): gradient}
        for place in range(len(self.layers) - 1, min(wanted) - 1, -1):
            given = gradients.pop(place + 1, None)
            if given is None:  # nothing behind reads it
                continue
            if place in wanted:
                yield place, given
            for source, part in self._through(place, given, outputs):
                gradients[source] = gradients[source] + part if source in gradients else part

    def _through(self, place: int, given: Array, outputs: Sequence[Array]) -> Iterator[tuple[int, Array]]:
        layer, affine = self.layers[place], self.matrices[place]
        if isinstance(layer, Recall):
            yield layer.layer + 1, given
        elif isinstance(layer, Multiply):
            yield place, given * outputs[layer.layer + 1]
            yield layer.layer + 1, given * outputs[place]
        elif isinstance(layer, Joining):
            yield place, given
            yield layer.layer + 1, given
        elif isinstance(layer, Polynomial):
            x = outputs[place]
            yield place, given * (2 * by_element(layer.a, x) * x + by_element(layer.b, x))
        else:
            assert affine is not None
            yield place, affine[0].T @ given


def by_element(values: Array, x: Array) -> Array:
    """Per-channel values as one for each element of `x` (elements, frames)."""
    return np.repeat(values, len(x) // len(values))[:, None]


def total_weights(layers: Sequence[Layer], shape: Shape) -> int:
    """Weights that the matrices of all layers have together, without making them."""
    shapes = layer_shapes(layers, shape)
    return sum(
        matrix_weights(layer, before, after) for layer, before, after in zip(layers, shapes, shapes[1:], strict=False)
    )
