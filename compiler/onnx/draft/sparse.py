"""Linear maps of tensors while they are put together: as terms, and as the weights of sparse matrices."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Array, Linear
from compiler.onnx.draft.tensor import Tensor


class Term(NamedTuple):
    """A part of a linear map: output `rows[i]` takes `values[i]` times element `elements[i]` of a tensor.

    Rows and elements are places in the flattened output and tensor, as ONNX sees these.
    """

    tensor: Tensor
    rows: NDArray[np.integer[Any]]
    elements: NDArray[np.integer[Any]]
    values: Array


class Weights(NamedTuple):
    """Weights of a sparse matrix in any order: `values` from `columns` to `rows`."""

    rows: NDArray[np.integer[Any]]
    columns: NDArray[np.integer[Any]]
    values: Array

    def layer(self, bias: Array, shape: tuple[int, ...]) -> Linear:
        """The layer with these weights."""
        order = np.argsort(self.rows, kind="stable")
        rows, columns = (places[order].astype(np.int32) for places in (self.rows, self.columns))
        return Linear(rows, columns, self.values[order], bias, shape)

    def behind(self, before: Linear) -> "Weights | None":
        """The weights of both matrices in one; None where these would be more than those of both."""
        counts = np.bincount(before.rows, minlength=before.bias.size)[self.columns]
        total = int(counts.sum())
        if total > len(self.rows) + len(before.rows):
            return None
        firsts = np.searchsorted(before.rows, self.columns)
        within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        chosen = np.repeat(firsts, counts) + within
        values = np.repeat(self.values, counts) * before.values[chosen]
        return Weights(np.repeat(self.rows, counts), before.columns[chosen], values)


def all_of(tensor: Tensor) -> Term:
    """Each element of a tensor as it is."""
    every = np.arange(tensor.size)
    return Term(tensor, every, every, np.ones(tensor.size))


def joined(parts: list[Weights]) -> Weights:
    """The weights of all parts."""
    rows, columns, values = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Weights(rows, columns, values)
