"""Frames around a digit, which are told from its strokes: by their lines, their place at the edge, or their size."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Share of a side that is the crop's edge, and the share of a part at the edge that must lie within to be a stroke.
_EDGE, _FRAME_WITHIN = 0.14, 0.3
#: Share of a row that a rim around the crop covers at least, and pixels of its ragged inner edge.
_RIM_COVER, _RIM_RAGGED = 0.6, 2
#: Shares of the width and height in which an edge's lines are looked for, and of the side that a line covers.
_LINES_ACROSS, _LINES_DOWN, _LINE = 0.24, 0.18, 0.95
#: Share of the side within which a gap follows on a frame's line, and the share of the gap that is ink at most.
_GAP_WITHIN, _GAP = 0.2, 0.15
#: Pixels that a line may slant, and the share of ink that is left where lines are a frame's.
_SLANT, _LEAST_LEFT = 5, 0.25
#: Share of the crop's area that is ink inside of its edge, at least, or too much was taken for a frame.
_LEAST_INSIDE = 0.015
#: Share of the ink inside of the crop's edge that is left where parts are a frame's, at least: else they are a digit's.
_LEAST_KEPT = 0.3
#: Shares of the crop's height: how broad a display's segment is at most, and how far it is from the next one.
_SEGMENT, _NEAR = 0.2, 0.06
#: Ink of a display's segment, from 0 to 1, at least: pieces of frames are fainter.
_SOLID = 0.8
#: Share of its height that something within a frame has at least.
_FRAMED = 0.5
#: Pixels of a rim's breadth, on both sides together and one more.
_RIM = 7
#: Share of the crop's area below which a part is a speck.
_SPECK = 0.004


def inside(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """What isn't the edge of a crop of `shape`."""
    down, across = (round(_EDGE * length) for length in shape)
    return slice(down, -down), slice(across, -across)


def without_frame(cv2: Any, ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ink (h, w) from 0 to 1 without what belongs to a frame, and without specks. `cv2` is OpenCV."""
    inner = ink * _without_lines(cv2, ink)
    inner *= _without_parts(cv2, inner)
    free = _without_rim(inner)
    if free is not None:
        inner *= free
        inner *= _without_parts(cv2, inner)
    return inner


def _without_rim(ink: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """0 in a rim of ink around the whole crop, else 1, or None without one.

    The shadow at a window's edges makes such a rim, and joins it to the digit, so that it isn't found as a frame.
    """
    mask, kept = ink > 0.4, np.ones_like(ink)
    if not mask[[0, 0, -1, -1], [0, -1, 0, -1]].all():
        return None
    for side in range(4):  # the top, and the others after a quarter of a turn each
        free = np.flatnonzero(np.rot90(mask, side).mean(axis=1) < _RIM_COVER)
        if not len(free) or free[0] > _EDGE * len(mask):
            return None
        np.rot90(kept, side)[: free[0] + _RIM_RAGGED] = 0
    return kept


def _without_lines(cv2: Any, ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 outside of lines that run along an edge of the crop from side to side, as a frame's do; else 1.

    Where lines are most of the ink, there is no frame, but a one.
    """
    left, right = _between_lines(cv2, np.ascontiguousarray(ink.T), _LINES_ACROSS)
    top, bottom = _between_lines(cv2, ink[:, left:right], _LINES_DOWN)
    kept = np.zeros_like(ink)
    kept[top:bottom, left:right] = 1
    return kept if (ink * kept).sum() > _LEAST_LEFT * ink.sum() else np.ones_like(ink)


def _between_lines(cv2: Any, ink: NDArray[np.float32], reach: float) -> tuple[int, int]:
    """The rows of ink (h, w) between lines in the first and last rows, of which each is the share `reach`."""
    mask = (ink > 0.4).astype(np.uint8)
    full = cv2.dilate(mask, np.ones((_SLANT, 1), np.uint8)).mean(axis=1) > _LINE
    cover = mask.mean(axis=1)
    return _after_line(full, cover, reach), len(ink) - _after_line(full[::-1], cover[::-1], reach)


def _after_line(full: NDArray[np.bool_], cover: NDArray[np.float64], reach: float) -> int:
    """The row after a line in the first rows, or 0 without one. A digit's own bars have no gap behind them."""
    lines = np.flatnonzero(full[: round(reach * len(full))])
    if not len(lines):
        return 0
    after = int(lines[-1]) + 1
    behind = cover[after : after + max(1, round(_GAP_WITHIN * len(full)))]
    return after if behind.min() < _GAP else 0


def _without_parts(cv2: Any, ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 where ink belongs to strokes, 0 where it belongs to the drum's frame at the edges or is a speck.

    Where little else is left, a digit is joined to its frame: then all that lies inside is kept.
    """
    height, width = ink.shape
    count, parts, boxes, _ = cv2.connectedComponentsWithStats((ink > 0.4).astype(np.uint8), connectivity=8)
    within = np.zeros((height, width), np.float32)
    within[inside(ink.shape)] = 1
    kept = np.ones(count, np.float32)
    for part in range(1, count):
        left, top, across, down, area = boxes[part]
        at_edge = left == 0 or top == 0 or left + across == width or top + down == height
        cut_off = at_edge and float(within[parts == part].sum()) / area < _FRAME_WITHIN
        solid = float(ink[parts == part].mean()) > _SOLID
        is_frame = cut_off and not (solid and _is_segment(boxes, part, ink.shape))
        if area < _SPECK * height * width or is_frame or _surrounds_another(boxes, part):
            kept[part] = 0
    mask: NDArray[np.float32] = kept[parts]
    left = float((ink * mask * within).sum())
    if left < _LEAST_INSIDE * height * width or left < _LEAST_KEPT * float((ink * within).sum()):
        return within
    # The faint rim of what is left out goes with it, unless it belongs to a stroke as well.
    around = cv2.erode(mask, np.ones((_RIM, _RIM), np.uint8))
    around[(parts > 0) & (mask > 0)] = 1
    return np.asarray(around)


def _is_segment(boxes: NDArray[np.int32], part: int, shape: tuple[int, ...]) -> bool:
    """Whether a part at the edge is the upper or lower segment of a display's digit, whose other segments are near."""
    height, width = shape
    left, top, across, down, _ = boxes[part]
    if left == 0 or left + across == width or down > _SEGMENT * height or across < down:
        return False
    near = _NEAR * height
    return any(
        abs(other[1] - (top + down) if top == 0 else top - (other[1] + other[3])) <= near
        and other[3] >= 2 * down
        and left - near <= other[0] + other[2]
        and other[0] <= left + across + near
        for other in np.delete(boxes[1:], part - 1, axis=0)
    )


def _surrounds_another(boxes: NDArray[np.int32], part: int) -> bool:
    """Whether a part's box surrounds that of a part half as high or higher, as a frame does, and no zero's dot."""
    left, top, across, down, _ = boxes[part]
    return any(
        left < other[0]
        and top < other[1]
        and other[0] + other[2] < left + across
        and other[1] + other[3] < top + down
        and other[3] >= _FRAMED * down
        for other in boxes[1:]
    )
