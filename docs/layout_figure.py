"""The figure of a layout: how the windows of a convolution stand in slots."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Conv2d
from common.plan.network import Network
from common.plan.plan import Plan
from compiler.layout import EMPTY, InputLayout, input_layouts, raster
from compiler.stages import fold
from docs.drawing import BLUE, LINE, MUTED, ORANGE, PALE, UNUSED, WIDTH, Drawing, number, pitch_of
from models.samples import load_samples

_SAMPLE = 0  # the sample frame that is shown
_GREYS = 12


def layout_figure(plan: Plan) -> str:
    """How the windows of a convolution stand in slots."""
    drawing = Drawing(604, "How the windows of a convolution stand in slots")
    drawing.heading(32, "Small: a 3×3 picture, kernel 2×2, stride 1, 16 slots")
    _small_layout(drawing, 52)
    drawing.line(24, 216, WIDTH - 24, 216, LINE)
    drawing.heading(246, f"Real: the input of digits in its {plan.head.parameters.slots} slots")
    _digits_layout(drawing, plan, 290)
    return drawing.svg()


def _small_layout(drawing: Drawing, top: float) -> None:
    weight = np.ones((1, 1, 2, 2))
    network = Network("small", (3, 3, 1), ("a", "b", "c", "d"), (Conv2d(weight, np.zeros(1)),))
    chosen = _windowed(network, 16)
    pitch = chosen.layout.pitch
    blocks = chosen.elements.reshape(-1, pitch)
    size = 34
    for pixel in range(9):
        drawing.cell(24 + pixel % 3 * size, top + pixel // 3 * size, size, str(pixel + 1), PALE)
    for place in range(2):  # the first window's frame, drawn on top
        drawing.rect(24 + place, top + place, 2 * size - 2 * place, 2 * size - 2 * place, "none", stroke=ORANGE)
    drawing.text(24, top + 126, "the picture;", fill=MUTED)
    drawing.text(24, top + 144, "the first window framed", fill=MUTED)
    for block, pixels in enumerate(blocks):
        left = 210 + block * 168
        drawing.text(left, top + 12, f"kernel offset ({block // 2}, {block % 2})", fill=BLUE)
        for window, pixel in enumerate(pixels):
            x = left + window * size
            drawing.cell(x, top + 24, size, str(pixel + 1), PALE)
            drawing.text(x + size / 2, top + 76, str(block * pitch + window), 12, MUTED, "middle")
        drawing.rect(left, top + 24, 4 * size, size, "none", stroke=BLUE)
        drawing.rect(left + 2, top + 26, size - 4, size - 4, "none", stroke=ORANGE)
    drawing.text(
        210, top + 104, "One block per kernel offset, one slot per window. A window is the same place in every block,"
    )
    drawing.text(
        210, top + 124, "so rotating by the block's length (4) brings the next kernel offset of all windows at once."
    )
    drawing.text(210, top + 144, "A pixel that several windows read stands in several slots.", fill=MUTED)


def _windowed(network: Network, slots: int) -> InputLayout:
    """The first layout that is made of windows, in one ciphertext."""
    stage = fold(network)[0]
    orders = [raster(*stage.shape[1:])]
    return next(layout for layout, windows in input_layouts(stage, orders, slots) if windows is not None)


def _digits_layout(drawing: Drawing, plan: Plan, top: float) -> None:
    head, pitch = plan.head, pitch_of(plan)
    frame = load_samples(head.model).frames[_SAMPLE]
    height, width, _ = head.frame_shape
    greys = frame[:, :, 0].astype(int) * (_GREYS - 1) // 255
    blocks = head.input_layout[0].reshape(-1, pitch)  # digits needs one ciphertext
    offsets = _period(blocks)
    windows = int((blocks[0] != EMPTY).sum())
    window = int(greys.reshape(-1)[blocks[:offsets, :windows]].sum(axis=0).argmax())  # the brightest
    offset = 5
    # The picture.
    size = 7
    _pixels(drawing, greys, 24, top, size, size)
    for element in blocks[offset][:windows]:
        row, column = divmod(int(element), width)
        drawing.rect(24 + column * size + 2, top + row * size + 2, size - 4, size - 4, BLUE)
    corner, last = (divmod(int(blocks[o][window]), width) for o in (0, offsets - 1))
    drawing.rect(
        24 + corner[1] * size,
        top + corner[0] * size,
        (last[1] - corner[1] + 1) * size,
        (last[0] - corner[0] + 1) * size,
        "none",
        stroke=ORANGE,
    )
    kernel = last[1] - corner[1] + 1
    y = top + height * size
    drawing.text(24, y + 22, f"a frame of {height}×{width}", fill=MUTED)
    drawing.text(24, y + 42, f"window {window} ({kernel}×{kernel})", fill=ORANGE)
    drawing.text(24, y + 62, f"offset ({offset // kernel}, {offset % kernel}) of all windows", fill=BLUE)
    # The slots.
    left, wide, high = 256.0, 4.6, 8
    values = np.where(blocks == EMPTY, -1, greys.reshape(-1)[blocks])
    _pixels(drawing, values, left, top, wide, high)
    drawing.rect(left, top + offset * high, pitch * wide, high, "none", stroke=BLUE)
    drawing.rect(left + window * wide, top, wide, offsets * high, "none", stroke=ORANGE)
    drawing.text(left, top - 10, f"slot within the block: 0 … {pitch - 1}", fill=MUTED)
    right = left + pitch * wide
    drawing.text(right, top - 10, f"{windows} windows, {pitch - windows} empty", fill=MUTED, anchor="end")
    for repeat in range(len(blocks) // offsets):
        y = top + repeat * offsets * high
        drawing.line(left - 8, y + 2, left - 8, y + offsets * high - 2)
        middle = y + offsets * high / 2
        drawing.text(right + 8, middle, "blocks", 12, MUTED)
        drawing.text(right + 8, middle + 15, f"{repeat * offsets}–{(repeat + 1) * offsets - 1}", 12, MUTED)
    y = top + len(blocks) * high
    drawing.text(
        left,
        y + 22,
        f"{len(blocks)} blocks of {pitch} slots, one below the other. Row = one kernel offset, column = one",
    )
    drawing.text(left, y + 42, f"window. The {offsets} offsets stand there {_times(len(blocks) // offsets)}.")


def _pixels(drawing: Drawing, greys: NDArray[np.int_], x: float, y: float, wide: float, high: float) -> None:
    """Cells by grey value, those of one value as one path; -1 marks unused slots."""
    rows, columns = greys.shape
    drawing.rect(x, y, columns * wide, rows * high, "#1b1e22")
    for grey in np.unique(greys[greys != 0]):
        commands = []
        for row, start, stop in _runs(greys == grey):
            left, top = number(x + start * wide), number(y + row * high)
            length = number((stop - start) * wide)
            commands.append(f"M{left} {top}h{length}v{number(high)}h-{length}z")
        level = 27 + int(grey) * 228 // (_GREYS - 1)
        drawing.path("".join(commands), UNUSED if grey < 0 else f"#{level:02x}{level:02x}{level:02x}")


def _runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Row, start and end of every horizontal run of true cells."""
    for row, cells in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], cells.astype(int), [0]])))
        for start, stop in edges.reshape(-1, 2):
            yield row, int(start), int(stop)


def _period(blocks: NDArray[np.int32]) -> int:
    """After how many blocks they repeat."""
    return next(period for period in range(1, len(blocks) + 1) if np.array_equal(blocks[period:], blocks[:-period]))


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
