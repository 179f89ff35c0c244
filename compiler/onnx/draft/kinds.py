"""What kind of values a tensor holds, where they aren't floats: our own arithmetic is that of real numbers.

Integers, truth values and labels may be moved about; each kind says which operators may change it into another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from common.errors import NetworkError
from compiler.onnx.file.reading import Node

#: Operators that move values about, or leave them as they are.
_MOVING = frozenset(
    (
        "Concat",
        "DepthToSpace",
        "Dropout",
        "Expand",
        "Flatten",
        "Gather",
        "GatherND",
        "Identity",
        "Reshape",
        "Slice",
        "SpaceToDepth",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    )
)
#: ONNX's numbers of its element types FLOAT, FLOAT16, DOUBLE and BFLOAT16; of UINT8, UINT16, INT16, INT32, INT64,
#: UINT32 and UINT64, which hold all bytes; and of BOOL.
_FLOATS, _WHOLE, _BOOL = (1, 10, 11, 16), (2, 4, 5, 6, 7, 12, 13), 9
_COMPARISONS = frozenset(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"))
_LOGIC = frozenset(("And", "Not", "Or", "Xor"))
#: Operators that may stand behind an arg max: they name the label, or write it in another form.
OF_LABELS = _MOVING | {"ArrayFeatureExtractor", "Cast", "LabelEncoder", "ZipMap"}


class Plain(Enum):
    """Kinds of which there is nothing more to know."""

    WHOLE = auto()  # integers: a frame's bytes
    TRUTH = auto()  # 0 or 1
    LABEL = auto()  # the place of the largest score, or a name for it


@dataclass(frozen=True)
class Quantized:
    """What QuantizeLinear made of values, with its scale and its zero point; we keep the values."""

    scale: float
    zero: float


@dataclass(frozen=True)
class Counted:
    """Values that a dynamic scale has to be multiplied with; we keep the products, and the scale is 1."""

    node: str


@dataclass(frozen=True)
class ScaleOf:
    """A dynamic scale, perhaps times constants."""

    node: str


#: None is the kind of floats.
Kind = Plain | Quantized | Counted | ScaleOf | None


def kind_of_output(node: Node, kinds: Sequence[Kind]) -> Kind:
    """The kind that a node's outputs have, given those of its inputs.

    Raises `NetworkError` where real numbers would give something else than the node does.
    """
    known = [kind for kind in kinds if kind is not None]
    if node.operator in ("ArgMax", "ArgMin"):
        return Plain.LABEL
    if Plain.LABEL in known:
        if node.operator not in OF_LABELS:
            raise NetworkError("it computes with the label; name the output with the scores: --output-name NAME")
        return Plain.LABEL
    if node.operator == "Cast" and not any(isinstance(kind, Quantized | ScaleOf) for kind in known):
        return _cast(node, kinds[0])
    if node.operator in _COMPARISONS and all(kind is Plain.TRUTH for kind in known):
        return Plain.TRUTH
    if node.operator in _LOGIC:
        return Plain.TRUTH
    if node.operator == "Where" and kinds[0] in (None, Plain.TRUTH):
        known = [kind for kind in kinds[1:] if kind is not None]
    if not known or (node.operator in _MOVING and all(kind == known[0] for kind in known)):
        return known[0] if known else None
    return _quantized(node, kinds)


def _cast(node: Node, kind: Kind) -> Kind:
    target = node.attributes.get("to")
    if isinstance(kind, Counted):
        return kind
    if target in _FLOATS:
        return None
    if kind in (Plain.TRUTH, Plain.WHOLE) and target in _WHOLE:
        return Plain.WHOLE
    if kind is Plain.TRUTH and target == _BOOL:
        return kind
    raise NetworkError("it turns values into something else than floats, which rounds them; leave it out")


def _quantized(node: Node, kinds: Sequence[Kind]) -> Kind:
    first = kinds[0] if kinds else None
    if node.operator == "DequantizeLinear" and (isinstance(first, Quantized) or first is Plain.WHOLE):
        return None
    if node.operator in ("MatMulInteger", "ConvInteger") and isinstance(first, Counted):
        return first
    if node.operator == "Mul":
        counted = [kind for kind in kinds if isinstance(kind, Counted)]
        scales = [kind for kind in kinds if isinstance(kind, ScaleOf)]
        if len(scales) == 1 and len(counted) <= 1 and (not counted or counted[0].node == scales[0].node):
            return None if counted else scales[0]
    raise NetworkError("it computes with integers; put a Cast to float, or DequantizeLinear, before it")
