"""How windows slide over a frame: attributes that convolutions and pools share, in one dimension or two."""

from dataclasses import dataclass

from common.errors import NetworkError
from compiler.onnx.draft.tensor import Tensor
from compiler.onnx.file.reading import Node
from compiler.onnx.scope import Scope

#: Elements of padding on one side, at most.
MOST_PADDING = 1024


@dataclass(frozen=True)
class Windows:
    """Kernel, stride and dilation, (down, across) each, and padding (top, left, bottom, right)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]

    @property
    def spans(self) -> tuple[int, int]:
        """What a dilated kernel reaches over."""
        down, across = ((size - 1) * gap + 1 for size, gap in zip(self.kernel, self.dilation, strict=True))
        return down, across


def spatial(scope: Scope, node: Node) -> Tensor:
    """The first input as (channels, height, width); a height of 1 is put in where there is one dimension only."""
    x = scope.tensor(node, 0)
    if len(x.dimensions) == 2:
        return x.reshaped((x.dimensions[0], 1, x.dimensions[1]))
    if len(x.dimensions) != 3:
        raise NetworkError(f"its input has {x.dimensions} for each frame; it must have channels, height and width")
    return x


def restored(scope: Scope, node: Node, made: Tensor) -> Tensor:
    """What was made of `spatial`'s tensor, without the height that was put in."""
    rank = len(scope.tensor(node, 0).dimensions)
    return made if rank == 3 else made.reshaped((made.dimensions[0], *made.dimensions[2:]))


def pair(node: Node, attribute: str) -> tuple[int, int]:
    """An attribute for both directions; one number is for the only one."""
    values = [int(value) for value in node.attributes.get(attribute) or [1, 1]]
    values = [1, *values] if len(values) == 1 else values
    if len(values) != 2 or min(values) < 1:
        raise NetworkError(f"its {attribute} are {list(values)}; give two numbers from 1 on")
    return values[0], values[1]


def windows(node: Node, x: Tensor, kernel: tuple[int, int]) -> Windows:
    """How a kernel slides over a tensor, as `pads` or as `auto_pad` wants it."""
    stride, dilation = pair(node, "strides"), pair(node, "dilations")
    automatic = node.attributes.get("auto_pad", "NOTSET")
    unpadded = Windows(kernel, stride, dilation, (0, 0, 0, 0))
    if automatic == "NOTSET":
        return Windows(kernel, stride, dilation, checked(listed_pads(node)))
    if automatic == "VALID":
        return unpadded
    if automatic not in ("SAME_UPPER", "SAME_LOWER"):
        raise NetworkError(f"its auto_pad is {automatic!r}; it must be NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    totals = [
        max(0, (-(-size // step) - 1) * step + span - size)
        for size, step, span in zip(x.dimensions[1:], stride, unpadded.spans, strict=True)
    ]
    less, more = [total // 2 for total in totals], [total - total // 2 for total in totals]
    before, after = (less, more) if automatic == "SAME_UPPER" else (more, less)
    return Windows(kernel, stride, dilation, checked((before[0], before[1], after[0], after[1])))


def listed_pads(node: Node) -> tuple[int, int, int, int]:
    """The attribute `pads`, as (top, left, bottom, right)."""
    pads = [int(amount) for amount in node.attributes.get("pads") or [0] * 4]
    pads = [0, pads[0], 0, pads[1]] if len(pads) == 2 else pads
    if len(pads) != 4:
        raise NetworkError(f"its pads are {pads}; give four numbers")
    return pads[0], pads[1], pads[2], pads[3]


def checked(pads: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Pads that are from 0 to `MOST_PADDING`."""
    if min(pads) < 0 or max(pads) > MOST_PADDING:
        raise NetworkError(f"its pads are {pads}; they must be from 0 to {MOST_PADDING}")
    return pads
