"""A matrix applied along one dimension of a tensor: windows, interpolation, weights."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Array
from compiler.onnx.draft.sparse import Term
from compiler.onnx.draft.tensor import Tensor, require_room
from compiler.onnx.scope import Scope


class Along(NamedTuple):
    """A sparse matrix with `size` rows: row `rows[i]` takes `values[i]` times element `columns[i]`."""

    size: int
    rows: NDArray[np.integer[Any]]
    columns: NDArray[np.integer[Any]]
    values: Array


def along(scope: Scope, x: Tensor, axis: int, matrix: Along) -> Tensor:
    """`matrix` times each line of a tensor along one of its dimensions, counted without the batch."""
    dimensions = (*x.dimensions[:axis], matrix.size, *x.dimensions[axis + 1 :])
    require_room(dimensions)
    lines = x.size // x.dimensions[axis]
    scope.draft.require_room(float(lines) * len(matrix.rows))
    rows, elements = (
        np.moveaxis(np.arange(int(np.prod(shape))).reshape(shape), axis, -1).reshape(lines, -1)[:, places].reshape(-1)
        for shape, places in ((dimensions, matrix.rows), (x.dimensions, matrix.columns))
    )
    return scope.draft.linear([Term(x, rows, elements, np.tile(matrix.values, lines))], dimensions)
