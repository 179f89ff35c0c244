"""What an ONNX file takes and gives: which input holds frames, in what form, and which output holds the scores."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.errors import ConfigurationError, NetworkError
from common.quoting import shown

#: Values of one frame, at most: far above any camera's, far below what fills the memory.
_MOST_VALUES = 2**24
#: Inputs or outputs that a message lists, at most.
_MOST_LISTED = 20
#: Element types that an input may have: floats, which are frames / 255, and bytes, which are frames.
_FLOATS, _BYTES = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16"), "UINT8"


@dataclass(frozen=True)
class FrameInput:
    """The input: its shape without the batch, with 0 for what the file leaves open; `batch` is 1 where it is open."""

    name: str
    shape: tuple[int, ...]
    batch: int
    takes_bytes: bool


def frame_input(onnx: Any, path: object, values: Sequence[Any]) -> FrameInput:
    """The one input of a file. Raises `NetworkError` where there are more, or it can't hold frames."""
    if len(values) != 1:
        names = ", ".join(shown(value.name) for value in values[:_MOST_LISTED]) or "none"
        raise NetworkError(f"{path} has {len(values)} inputs ({names}); export a network with one input")
    (value,) = values
    kind = value.type.tensor_type
    dimensions = [int(dimension.dim_value) for dimension in kind.shape.dim]
    where = f"{path}: the input {shown(value.name)!r}"
    if kind.elem_type not in [getattr(onnx.TensorProto, name) for name in (*_FLOATS, _BYTES)]:
        raise NetworkError(f"{where} must hold floats, frames / 255, or bytes, the frames; float32 or uint8")
    if len(dimensions) not in (2, 3, 4) or min(dimensions) < 0:
        raise NetworkError(
            f"{where} has shape {_shape(value)}; it must be (batch, channels, height, width) or (batch, features)"
        )
    if np.prod([max(1, size) for size in dimensions[1:]], dtype=float) > _MOST_VALUES:
        raise NetworkError(f"{where} has shape {_shape(value)}; use smaller frames")
    takes_bytes = kind.elem_type == getattr(onnx.TensorProto, _BYTES)
    return FrameInput(value.name, tuple(dimensions[1:]), dimensions[0] or 1, takes_bytes)


def output_of(onnx: Any, path: object, values: Sequence[Any], computed: Collection[str], wanted: str | None) -> str:
    """The name of the output with the scores: the one that is wanted, or the only one that isn't a label.

    Raises `NetworkError` where there is none, and `ConfigurationError` where somebody has to choose, or `wanted` is
    the name of nothing in the file.
    """
    listed = ", ".join(f"{shown(value.name)} {_shape(value)}" for value in values[:_MOST_LISTED]) or "none"
    if wanted is not None:
        if wanted not in computed:
            raise ConfigurationError(f"output-name is {wanted!r}; {path} has the outputs {listed}")
        return wanted
    if len(values) == 1:
        return str(values[0].name)
    floats = [getattr(onnx.TensorProto, name) for name in _FLOATS]
    scores = [value for value in values if _holds_scores(value, floats)]
    if len(scores) > 1:
        scores = [value for value in scores if _gives_one_value_a_label(value)]
    if len(scores) != 1:
        raise ConfigurationError(
            f"{path} has {len(values)} outputs: {listed}; name the one with the scores: --output-name NAME"
        )
    return str(scores[0].name)


def _holds_scores(value: Any, floats: Collection[int]) -> bool:
    """Whether it is floats, or what ZipMap makes of them, a sequence of maps from labels to scores."""
    if value.type.HasField("sequence_type"):
        return bool(value.type.sequence_type.elem_type.HasField("map_type"))
    return value.type.tensor_type.elem_type in floats


def _gives_one_value_a_label(value: Any) -> bool:
    """Whether the shape is (batch, labels), with dimensions of 1 perhaps."""
    sizes = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim][1:]
    return value.type.HasField("sequence_type") or (bool(sizes) and sum(size != 1 for size in sizes) == 1)


def _shape(value: Any) -> str:
    if not value.type.HasField("tensor_type"):
        return "(a map)"
    sizes = value.type.tensor_type.shape.dim
    return f"({', '.join(shown(size.dim_value or size.dim_param or '?') for size in sizes)})"
