"""The figures of concepts.md, drawn as SVG from the plan of `digits` that ships.

`python -m docs.figures` writes them anew; a test compares. Text is set in the reader's own
sans-serif, so places are chosen with room to spare.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from common.costs import rotation_ms, stage_ms
from common.folding import fold
from common.layout import EMPTY, input_layouts
from common.network import Conv2d, Network
from common.plan import Plan, Stage, load_plan, stage_rotations
from common.transform import split
from models.catalogue import load_samples, plan_path

FOLDER = Path(__file__).parent / "figures"

_WIDTH = 900
_INK, _MUTED, _LINE = "#24292f", "#59616b", "#c9cdd2"
_CARD, _PALE, _UNUSED = "#fbfbfa", "#eceef0", "#dde4ee"
_BLUE, _ORANGE, _GREEN, _GREY = "#3b6fb6", "#d9822b", "#4a9a6a", "#8a929c"
_DIAGONALS = ("#b9d2f0", "#f3c9a0", "#b5dcc2", "#e2c3e6", "#f0e3a1", "#c5c9ef", "#f1bcbc", "#bfe0e2")
_SAMPLE = 0  # the sample frame that is shown
_GREYS = 12
_SLOT = 22  # width of a slot in the small matrix example


class Drawing:
    """Shapes on a card that is legible on light and on dark pages."""

    def __init__(self, height: int, title: str) -> None:
        self._height = height
        self._shapes = [f"<title>{escape(title)}</title>"]
        self.rect(0.5, 0.5, _WIDTH - 1, height - 1, _CARD, stroke=_LINE, radius=6)

    def rect(
        self, x: float, y: float, width: float, height: float, fill: str, stroke: str = "none", radius: float = 0
    ) -> None:
        """A rectangle by its upper left corner."""
        self._shapes.append(
            f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}" '
            f'fill="{fill}" stroke="{stroke}" stroke-width="1.5" rx="{_number(radius)}"/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = _MUTED, width: float = 1) -> None:
        """A straight line."""
        self._shapes.append(
            f'<line x1="{_number(x1)}" y1="{_number(y1)}" x2="{_number(x2)}" y2="{_number(y2)}" '
            f'stroke="{stroke}" stroke-width="{_number(width)}"/>'
        )

    def path(self, commands: str, fill: str) -> None:
        """A filled path."""
        self._shapes.append(f'<path d="{commands}" fill="{fill}" shape-rendering="crispEdges"/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: int = 13,
        fill: str = _INK,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """One line of text; y is its baseline."""
        weight = ' font-weight="600"' if bold else ""
        self._shapes.append(
            f'<text x="{_number(x)}" y="{_number(y)}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"'
            f"{weight}>{escape(text)}</text>"
        )

    def heading(self, y: float, text: str) -> None:
        """The heading of a part of the figure."""
        self.text(24, y, text, size=15, bold=True)

    def cell(self, x: float, y: float, size: float, text: str, fill: str) -> None:
        """A square with a few characters in its middle."""
        self.rect(x, y, size, size, fill, stroke=_CARD)
        self.text(x + size / 2, y + size / 2 + 4.5, text, size=12, anchor="middle")

    def svg(self) -> str:
        """The SVG file."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {self._height}" width="{_WIDTH}" '
            f'height="{self._height}" role="img" font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif">\n'
            + "\n".join(self._shapes)
            + "\n</svg>\n"
        )


def figures(plan: Plan) -> dict[str, str]:
    """All figures by file name."""
    return {
        "layout.svg": layout_figure(plan),
        "diagonals.svg": diagonals_figure(plan),
        "chain.svg": chain_figure(plan),
        "cost.svg": cost_figure(plan),
    }


def layout_figure(plan: Plan) -> str:
    """How the windows of a convolution stand in slots."""
    drawing = Drawing(604, "How the windows of a convolution stand in slots")
    drawing.heading(32, "Small: a 3×3 picture, kernel 2×2, stride 1, 16 slots")
    _small_layout(drawing, 52)
    drawing.line(24, 216, _WIDTH - 24, 216, _LINE)
    drawing.heading(246, f"Real: the input of digits in its {plan.head.parameters.slots} slots")
    _digits_layout(drawing, plan, 290)
    return drawing.svg()


def _small_layout(drawing: Drawing, top: float) -> None:
    weight = np.ones((1, 1, 2, 2))
    network = Network("small", (3, 3, 1), ("a", "b", "c", "d"), (Conv2d(weight, np.zeros(1)),))
    layout = next(input_layouts(fold(network)[0], 16))
    blocks = layout.elements.reshape(-1, layout.pitch)
    size = 34
    for pixel in range(9):
        drawing.cell(24 + pixel % 3 * size, top + pixel // 3 * size, size, str(pixel + 1), _PALE)
    for place in range(2):  # the first window's frame, drawn on top
        drawing.rect(24 + place, top + place, 2 * size - 2 * place, 2 * size - 2 * place, "none", stroke=_ORANGE)
    drawing.text(24, top + 126, "the picture;", fill=_MUTED)
    drawing.text(24, top + 144, "the first window framed", fill=_MUTED)
    for block, pixels in enumerate(blocks):
        left = 210 + block * 168
        drawing.text(left, top + 12, f"kernel offset ({block // 2}, {block % 2})", fill=_BLUE)
        for window, pixel in enumerate(pixels):
            x = left + window * size
            drawing.cell(x, top + 24, size, str(pixel + 1), _PALE)
            drawing.text(x + size / 2, top + 76, str(block * layout.pitch + window), 12, _MUTED, "middle")
        drawing.rect(left, top + 24, 4 * size, size, "none", stroke=_BLUE)
        drawing.rect(left + 2, top + 26, size - 4, size - 4, "none", stroke=_ORANGE)
    drawing.text(
        210, top + 104, "One block per kernel offset, one slot per window. A window is the same place in every block,"
    )
    drawing.text(
        210, top + 124, "so rotating by the block's length (4) brings the next kernel offset of all windows at once."
    )
    drawing.text(210, top + 144, "A pixel that several windows read stands in several slots.", fill=_MUTED)


def _digits_layout(drawing: Drawing, plan: Plan, top: float) -> None:
    head, pitch = plan.head, _pitch(plan)
    frame = load_samples(head.model).frames[_SAMPLE]
    height, width, _ = head.frame_shape
    greys = frame[:, :, 0].astype(int) * (_GREYS - 1) // 255
    blocks = head.input_layout.reshape(-1, pitch)
    offsets = _period(blocks)
    windows = int((blocks[0] != EMPTY).sum())
    window = int(greys.reshape(-1)[blocks[:offsets, :windows]].sum(axis=0).argmax())  # the brightest
    offset = 5
    # The picture.
    size = 7
    _pixels(drawing, greys, 24, top, size, size)
    for element in blocks[offset][:windows]:
        row, column = divmod(int(element), width)
        drawing.rect(24 + column * size + 2, top + row * size + 2, size - 4, size - 4, _BLUE)
    corner, last = (divmod(int(blocks[o][window]), width) for o in (0, offsets - 1))
    drawing.rect(
        24 + corner[1] * size,
        top + corner[0] * size,
        (last[1] - corner[1] + 1) * size,
        (last[0] - corner[0] + 1) * size,
        "none",
        stroke=_ORANGE,
    )
    kernel = last[1] - corner[1] + 1
    y = top + height * size
    drawing.text(24, y + 22, f"a frame of {height}×{width}", fill=_MUTED)
    drawing.text(24, y + 42, f"window {window} ({kernel}×{kernel})", fill=_ORANGE)
    drawing.text(24, y + 62, f"offset ({offset // kernel}, {offset % kernel}) of all windows", fill=_BLUE)
    # The slots.
    left, wide, high = 256.0, 4.6, 8
    values = np.where(blocks == EMPTY, -1, greys.reshape(-1)[blocks])
    _pixels(drawing, values, left, top, wide, high)
    drawing.rect(left, top + offset * high, pitch * wide, high, "none", stroke=_BLUE)
    drawing.rect(left + window * wide, top, wide, offsets * high, "none", stroke=_ORANGE)
    drawing.text(left, top - 10, f"slot within the block: 0 … {pitch - 1}", fill=_MUTED)
    right = left + pitch * wide
    drawing.text(right, top - 10, f"{windows} windows, {pitch - windows} empty", fill=_MUTED, anchor="end")
    for repeat in range(len(blocks) // offsets):
        y = top + repeat * offsets * high
        drawing.line(left - 8, y + 2, left - 8, y + offsets * high - 2)
        middle = y + offsets * high / 2
        drawing.text(right + 8, middle, "blocks", 12, _MUTED)
        drawing.text(right + 8, middle + 15, f"{repeat * offsets}–{(repeat + 1) * offsets - 1}", 12, _MUTED)
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
            left, top = _number(x + start * wide), _number(y + row * high)
            length = _number((stop - start) * wide)
            commands.append(f"M{left} {top}h{length}v{_number(high)}h-{length}z")
        level = 27 + int(grey) * 228 // (_GREYS - 1)
        drawing.path("".join(commands), _UNUSED if grey < 0 else f"#{level:02x}{level:02x}{level:02x}")


def _runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Row, start and end of every horizontal run of true cells."""
    for row, cells in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], cells.astype(int), [0]])))
        for start, stop in edges.reshape(-1, 2):
            yield row, int(start), int(stop)


def diagonals_figure(plan: Plan) -> str:
    """A matrix as diagonals, split into baby and giant steps, and the steps of `digits`."""
    drawing = Drawing(846, "A matrix as diagonals, in baby and giant steps")
    drawing.heading(32, "An 8×8 matrix times 8 slots; entry “25” is row 2, column 5")
    _small_diagonals(drawing, 62)
    drawing.line(24, 408, _WIDTH - 24, 408, _LINE)
    drawing.heading(438, "The steps of digits: every cell is one diagonal, its row's giant plus its column's baby")
    _digits_steps(drawing, plan, 466)
    return drawing.svg()


def _small_diagonals(drawing: Drawing, top: float) -> None:
    size, count = 26, 8
    drawing.text(24, top + 12, "the matrix, coloured by diagonal", fill=_MUTED)
    for row in range(count):
        for column in range(count):
            colour = _DIAGONALS[(column - row) % count]
            drawing.cell(24 + column * size, top + 24 + row * size, size, f"{row}{column}", colour)
    rows = np.arange(count)
    diagonals = {step: (rows * 10 + (rows + step) % count).astype(float) for step in range(count)}
    left = 276
    drawing.text(left, top + 12, "diagonals: vector × rotated slots v", fill=_MUTED)
    for step, vector in diagonals.items():
        _vector(drawing, left, top + 24 + step * size, vector, step)
        drawing.text(left + count * _SLOT + 8, top + 41 + step * size, f"× rot {step} (v)" if step else "× v")
    terms = split(diagonals, count)
    babies = {baby for part in terms.values() for baby in part if baby}
    giants = [giant for giant in terms if giant]
    left, y = 560, top + 24.0
    drawing.text(left, top + 12, "the same in baby and giant steps", fill=_MUTED)
    for giant, part in terms.items():
        for baby, vector in part.items():
            _vector(drawing, left, y, vector, giant + baby)
            drawing.text(left + count * _SLOT + 8, y + 17, f"× rot {baby} (v)" if baby else "× v")
            y += size
        x = left + count * _SLOT + 80
        drawing.line(x, y - len(part) * size + 5, x, y - 5)
        if giant:
            drawing.text(x + 6, y - len(part) * size / 2 + 4, f"rot {giant}")
        y += 8
    y = top + 24 + count * size
    drawing.text(276, y + 24, f"{count} products, {count - 1} rotations", bold=True)
    total = len(babies) + len(giants)
    drawing.text(560, y + 54, f"{count} products, {len(babies)} + {len(giants)} = {total} rotations", bold=True)
    drawing.text(24, y + 54, "rot k moves slot i + k to slot i. All products are summed.", fill=_MUTED)
    drawing.text(
        24,
        y + 80,
        "A group's sum is rotated once. Its vectors are rotated back beforehand, as plain values, where that is free.",
        fill=_MUTED,
    )


def _vector(drawing: Drawing, x: float, y: float, vector: NDArray[np.float64], step: int) -> None:
    for slot, value in enumerate(vector):
        drawing.rect(x + slot * _SLOT, y, _SLOT, 26, _DIAGONALS[step], stroke=_CARD)
        drawing.text(x + (slot + 0.5) * _SLOT, y + 17.5, f"{int(value):02d}", size=12, anchor="middle")


def _digits_steps(drawing: Drawing, plan: Plan, top: float) -> None:
    left = 24.0
    for index, stage in enumerate(plan.stages):
        babies = sorted({baby for _, baby, _ in stage.terms})
        giants = sorted({giant for giant, _, _ in stage.terms})
        used = {(giant, baby) for giant, baby, _ in stage.terms}
        wide, high = (44, 26) if max(giants) + max(babies) > 999 else (30, 26)
        turns = stage_rotations(stage) - len(stage.folds)
        drawing.text(left, top + 12, f"stage {index + 1}", bold=True)
        drawing.text(left, top + 30, f"{len(stage.terms)} {_plural('product', len(stage.terms))}", fill=_MUTED)
        folded = f" + {len(stage.folds)} folds" if stage.folds else ""
        rotations = f"{turns} {_plural('rotation', turns)}{folded}" if turns else "no rotation"
        drawing.text(left, top + 48, rotations, fill=_MUTED)
        for row, giant in enumerate(giants):
            for column, baby in enumerate(babies):
                if (giant, baby) not in used:
                    continue
                x, y = left + column * wide, top + 62 + row * high
                edge = (giant == 0) != (baby == 0)
                drawing.rect(x, y, wide, high, _DIAGONALS[0] if edge else _PALE, stroke=_CARD)
                drawing.text(x + wide / 2, y + 17.5, str(giant + baby), size=12, anchor="middle")
        left += max(len(babies) * wide, 190) + 36
    _folds(drawing, plan, left - 226, top + 160)
    y = top + 296
    drawing.rect(24, y + 8, 16, 16, _DIAGONALS[0])
    drawing.text(48, y + 21, "is also the step of a rotation: the babies of row 0, the giants of column 0", fill=_MUTED)
    for index, line in enumerate(
        (
            "Stage 1 is the convolution: its steps are whole blocks. Stage 2 is the first dense layer: 64 rows, so 64",
            "diagonals, then folds. Stage 3 is the last dense layer: one product; the device adds the slots up.",
        )
    ):
        drawing.text(24, y + 50 + index * 20, line)


def _folds(drawing: Drawing, plan: Plan, left: float, top: float) -> None:
    """Bars that halve: how many partial sums are still distinct after each fold."""
    stage = next((stage for stage in plan.stages if stage.folds), None)
    if stage is None:
        return
    slots, width = plan.head.parameters.slots, 150
    drawing.text(left, top - 10, "stage 2's folds: distinct slots", fill=_MUTED)
    for index, distinct in enumerate((slots, *stage.folds)):
        y = top + index * 18
        drawing.rect(left, y, width, 12, _PALE)
        drawing.rect(left, y, max(width * distinct / slots, 2), 12, _GREEN)
        drawing.text(left + width + 10, y + 11, str(distinct), size=12)


def chain_figure(plan: Plan) -> str:
    """Modulus and scale, in bits, from the fresh ciphertext to the scores."""
    drawing = Drawing(560, "The modulus chain of digits and the scale through the stages")
    parameters = plan.head.parameters
    bits, special = parameters.data_prime_bits, parameters.prime_bits[-1]
    drawing.heading(
        32, f"digits: N = {parameters.ring_dimension}, modulus of {parameters.modulus_bits} bits with the special prime"
    )
    drawing.rect(24, 50, 14, 14, _PALE, stroke=_LINE)
    drawing.text(46, 62, "primes of the ciphertext's modulus, by bits", fill=_MUTED)
    drawing.rect(400, 50, 14, 14, _BLUE)
    drawing.text(422, 62, "scale of the values, by bits", fill=_MUTED)
    ground, unit = 440.0, 2.1
    columns = list(_scales(plan))
    step = (_WIDTH - 160) / len(columns)
    for index, (level, scale, label) in enumerate(columns):
        x = 30 + index * step
        y = ground
        for prime in range(level + 1):
            high = bits[prime] * unit
            y -= high
            drawing.rect(x, y, step - 16, high, _PALE, stroke=_GREY)
            size = f" {bits[prime]}" if index == 0 else ""
            drawing.text(x + step - 22, y + high - 8, f"q{_subscript(prime)}{size}", 12, _MUTED, "end")
        drawing.rect(x + 6, ground - scale * unit, 24, scale * unit, _BLUE)
        drawing.text(x + 34, ground - scale * unit + 10, f"{scale:.0f}", 13, bold=True)
        drawing.text(x + (step - 16) / 2, ground + 18, label, 12, _INK, "middle")
        if index == 0 or columns[index - 1][0] != level:
            drawing.text(x, ground - sum(bits[: level + 1]) * unit - 10, f"level {level}", 13, _MUTED)
    _stage_brackets(drawing, columns, ground + 32, step)
    x = _WIDTH - 96
    drawing.rect(x, ground - special * unit, 64, special * unit, _CARD, stroke=_GREY)
    drawing.text(x + 32, ground - special * unit + 17, "special", 12, _MUTED, "middle")
    drawing.text(x + 32, ground - special * unit + 33, str(special), 12, _MUTED, "middle")
    drawing.text(x + 32, ground + 18, "only within", 12, _MUTED, "middle")
    drawing.text(x + 32, ground + 34, "key switches", 12, _MUTED, "middle")
    drawing.line(24, ground, _WIDTH - 24, ground, _INK)
    first, room = plan.stages[0], bits[0] - round(math.log2(plan.head.output_scale))
    s, w, q = (round(math.log2(v)) for v in (first.input_scale, first.weight_scale, 2.0 ** bits[first.level]))
    drawing.text(
        24,
        516,
        f"Merged rescaling, stage 1: ({s} + {w}) × 2 − {q} = {2 * (s + w) - q} bits. One prime serves the weights "
        "and the square.",
    )
    drawing.text(24, 538, f"At the end q₀ holds the scores: {bits[0] - room} bits of scale, {room} of value and sign.")
    return drawing.svg()


def _scales(plan: Plan) -> Iterator[tuple[int, float, str]]:
    """Level, bits of scale and what was just done, along the evaluation."""
    yield plan.stages[0].level, math.log2(plan.head.input_scale), "encrypt"
    for index, stage in enumerate(plan.stages):
        product = math.log2(stage.input_scale) + math.log2(stage.weight_scale)
        yield stage.level, product, "× weights"
        if stage.square:
            yield stage.level, 2 * product, "square"
            yield stage.level - 1, math.log2(plan.stages[index + 1].input_scale), "rescale"


def _stage_brackets(drawing: Drawing, columns: list[tuple[int, float, str]], y: float, step: float) -> None:
    starts = [index for index, column in enumerate(columns) if column[2] == "× weights"]
    for number, (start, stop) in enumerate(zip(starts, [*starts[1:], len(columns)], strict=True), 1):
        left, right = 30 + start * step, 30 + stop * step - 16
        drawing.line(left, y, right, y)
        drawing.text((left + right) / 2, y + 17, f"stage {number}", 12, _MUTED, "middle")


def cost_figure(plan: Plan) -> str:
    """Predicted milliseconds of each operation and each stage."""
    costs = [_stage_costs(stage, plan.head.parameters.ring_dimension) for stage in plan.stages]
    total = sum(ms for stage in costs for _, _, ms in stage)
    drawing = Drawing(430, "Where the time of an evaluation goes")
    drawing.heading(32, f"Where the time goes: digits, {total:.0f} ms predicted on one core (common/costs.py)")
    colours = {"rotation": _BLUE, "product": _ORANGE, "relinearisation": _GREEN}
    left, unit = 110.0, 740 / max(sum(ms for _, _, ms in stage) for stage in costs)
    for index, (name, colour) in enumerate(colours.items()):
        drawing.rect(left + index * 200, 50, 14, 14, colour)
        share = sum(ms for parts in costs for kind, _, ms in parts if kind == name) / total
        drawing.text(left + index * 200 + 22, 62, f"{name}s: {share:.0%}", fill=_MUTED)
    for index, (stage, parts) in enumerate(zip(plan.stages, costs, strict=True)):
        y = 84 + index * 58
        drawing.text(24, y + 14, f"stage {index + 1}", bold=True)
        drawing.text(24, y + 31, f"level {stage.level}", 12, _MUTED)
        x = left
        for name, _, ms in parts:
            drawing.rect(x, y, max(ms * unit - 1, 2), 24, colours[name])
            x += ms * unit
        counts = ", ".join(f"{count} {_plural(name, count)} {ms:.1f} ms" for name, count, ms in parts)
        drawing.text(left, y + 40, counts, 12, _MUTED)
    drawing.line(24, 268, _WIDTH - 24, 268, _LINE)
    drawing.heading(298, "One rotation by level: each prime more makes it dearer")
    for level in range(plan.head.parameters.levels, -1, -1):
        ms = rotation_ms(plan.head.parameters.ring_dimension, level)
        y = 316 + (plan.head.parameters.levels - level) * 34
        primes = f"{level + 1} {_plural('prime', level + 1)}"
        drawing.text(24, y + 16, f"level {level}", 13)
        drawing.text(84, y + 16, primes, 12, _MUTED)
        drawing.rect(150, y, ms * 200, 22, _BLUE)
        drawing.text(158 + ms * 200, y + 16, f"{ms:.2f} ms", 12, _MUTED)
    return drawing.svg()


def _stage_costs(stage: Stage, dimension: int) -> list[tuple[str, int, float]]:
    """Kind, count and milliseconds of a stage's operations, without those that don't occur."""
    rotations, products, switches = stage_rotations(stage), len(stage.terms), int(stage.square)
    parts = [
        ("rotation", rotations, stage_ms(rotations, 0, dimension, stage.level)),
        ("product", products, stage_ms(0, products, dimension, stage.level)),
        ("relinearisation", switches, switches * rotation_ms(dimension, stage.level)),
    ]
    return [part for part in parts if part[1]]


def _pitch(plan: Plan) -> int:
    """The length of the first stage's blocks: all its steps are multiples of it."""
    return math.gcd(*(step for giant, baby, _ in plan.stages[0].terms for step in (giant, baby)))


def _period(blocks: NDArray[np.int32]) -> int:
    """After how many blocks they repeat."""
    return next(period for period in range(1, len(blocks) + 1) if np.array_equal(blocks[period:], blocks[:-period]))


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _subscript(digit: int) -> str:
    return "₀₁₂₃₄₅₆₇₈₉"[digit]


def _number(value: float) -> str:
    """At most two decimals, none where they are zero."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def write(folder: Path = FOLDER) -> None:
    """Write all figures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in figures(load_plan(plan_path("digits", 128))).items():
        (folder / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    write()
