"""ONNX files changed field by field, so that what is read stays a message."""

import random
from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from onnx import ModelProto

from compiler.onnx.conversion import supported

_WHOLE = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_FRACTIONS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)
#: Counts of which one is how often a submessage is repeated.
_COPIES = (1, 1, 10, 100)


def changed(rng: random.Random, data: bytes, numbers: Sequence[int], fractions: Sequence[float]) -> bytes:
    """The model with one to three fields replaced, left out or repeated. Raises `DecodeError` for no model."""
    model = ModelProto.FromString(data)
    names = [name for node in model.graph.node for name in (*node.input, *node.output)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        _change(rng, rng.choice(_messages(model)), _Values(rng, numbers, fractions, names or [""]))
    return bytes(model.SerializeToString())


class _Values:
    """Other values for fields of any type."""

    def __init__(
        self, rng: random.Random, numbers: Sequence[int], fractions: Sequence[float], names: Sequence[str]
    ) -> None:
        self._rng, self._numbers, self._fractions, self._names = rng, numbers, fractions, names

    def other(self, field: Any, value: Any) -> Any:
        """What may stand in a field instead of this value."""
        rng, kind = self._rng, field.cpp_type
        if kind in _WHOLE:
            low, high = _WHOLE[kind]
            return min(max(rng.choice((*self._numbers, value + 1, value - 1, rng.randrange(-4, 12))), low), high)
        if kind in _FRACTIONS:
            return rng.choice((*self._fractions, -value, 2 * value)) if abs(value) < 1e30 else 0.0
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return not value
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            return rng.choice([each.number for each in field.enum_type.values])
        if field.type == FieldDescriptor.TYPE_BYTES:
            at = rng.randrange(len(value) + 1)
            return value[:at] + rng.randbytes(rng.choice((1, 4, 8))) + value[at + rng.choice((0, 4, 8)) :]
        return rng.choice((*supported().split(", "), *self._names) if field.name == "op_type" else self._names)


def _messages(message: Any) -> list[Any]:
    """A message and all within it."""
    found = [message]
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else [value]:
                found += _messages(each)
    return found


def _change(rng: random.Random, message: Any, values: _Values) -> None:
    fields = [field for field, _ in message.ListFields()]
    if not fields:
        return
    field = rng.choice(fields)
    held = getattr(message, field.name)
    if not field.is_repeated:
        if field.message_type is None:
            setattr(message, field.name, values.other(field, held))
        elif rng.random() < 0.3:
            message.ClearField(field.name)
        return
    at = rng.randrange(len(held))
    if rng.random() < 0.3:
        del held[at]
    elif field.message_type is None:
        held[at] = values.other(field, held[at])
    else:
        for _ in range(rng.choice(_COPIES)):
            held.add().CopyFrom(held[at])
