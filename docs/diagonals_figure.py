"""The figure of a linear stage: diagonals, baby and giant steps, folds."""

import numpy as np
from numpy.typing import NDArray

from common.plan.plan import Plan
from compiler.steps import Diagonals, split
from docs.drawing import CARD, GREEN, LINE, MUTED, PALE, WIDTH, Drawing, plural

_DIAGONALS = ("#b9d2f0", "#f3c9a0", "#b5dcc2", "#e2c3e6", "#f0e3a1", "#c5c9ef", "#f1bcbc", "#bfe0e2")
_SLOT = 22  # width of a slot in the small matrix example


def diagonals_figure(plan: Plan) -> str:
    """A matrix as diagonals, split into baby and giant steps, and the steps of `digits`."""
    drawing = Drawing(846, "A matrix as diagonals, in baby and giant steps")
    drawing.heading(32, "An 8×8 matrix times 8 slots; entry “25” is row 2, column 5")
    _small_diagonals(drawing, 62)
    drawing.line(24, 408, WIDTH - 24, 408, LINE)
    drawing.heading(438, "The steps of digits: every cell is one diagonal, its row's giant plus its column's baby")
    _digits_steps(drawing, plan, 466)
    return drawing.svg()


def _small_diagonals(drawing: Drawing, top: float) -> None:
    size, count = 26, 8
    drawing.text(24, top + 12, "the matrix, coloured by diagonal", fill=MUTED)
    for row in range(count):
        for column in range(count):
            colour = _DIAGONALS[(column - row) % count]
            drawing.cell(24 + column * size, top + 24 + row * size, size, f"{row}{column}", colour)
    rows = np.arange(count)
    diagonals = {step: (rows * 10 + (rows + step) % count).astype(float) for step in range(count)}
    left = 276
    drawing.text(left, top + 12, "diagonals: vector × rotated slots v", fill=MUTED)
    for step, vector in diagonals.items():
        _vector(drawing, left, top + 24 + step * size, vector, step)
        drawing.text(left + count * _SLOT + 8, top + 41 + step * size, f"× rot {step} (v)" if step else "× v")
    groups = _small_groups(count)
    babies = {step - giant for giant, steps in groups.items() for step in steps} - {0}
    giants = set(groups) - {0}
    left, y = 560, top + 24.0
    drawing.text(left, top + 12, "the same in baby and giant steps", fill=MUTED)
    for giant, steps in groups.items():
        for step in steps:
            baby = step - giant
            _vector(drawing, left, y, np.roll(diagonals[step], giant), step)  # rotated back
            drawing.text(left + count * _SLOT + 8, y + 17, f"× rot {baby} (v)" if baby else "× v")
            y += size
        x = left + count * _SLOT + 80
        drawing.line(x, y - len(steps) * size + 5, x, y - 5)
        if giant:
            drawing.text(x + 6, y - len(steps) * size / 2 + 4, f"rot {giant}")
        y += 8
    y = top + 24 + count * size
    drawing.text(276, y + 24, f"{count} products, {count - 1} rotations", bold=True)
    total = len(babies) + len(giants)
    drawing.text(560, y + 54, f"{count} products, {len(babies)} + {len(giants)} = {total} rotations", bold=True)
    drawing.text(24, y + 54, "rot k moves slot i + k to slot i. All products are summed.", fill=MUTED)
    drawing.text(
        24,
        y + 80,
        "A group's sum is rotated once. Its vectors are rotated back beforehand, as plain values, where that is free.",
        fill=MUTED,
    )


def _small_groups(count: int) -> dict[int, list[int]]:
    """The steps of a full square matrix, by giant."""
    zero, step = np.zeros(count, dtype=np.int64), np.arange(count)
    giants = split(Diagonals(zero, zero, step, zero + count), (), lambda work: work.rotations).giant
    return {giant: step[giants == giant].tolist() for giant in np.unique(giants).tolist()}


def _vector(drawing: Drawing, x: float, y: float, vector: NDArray[np.float64], step: int) -> None:
    for slot, value in enumerate(vector):
        drawing.rect(x + slot * _SLOT, y, _SLOT, 26, _DIAGONALS[step], stroke=CARD)
        drawing.text(x + (slot + 0.5) * _SLOT, y + 17.5, f"{int(value):02d}", size=12, anchor="middle")


def _digits_steps(drawing: Drawing, plan: Plan, top: float) -> None:
    left = 24.0
    for index, stage in enumerate(plan.stages):
        used = {(giant, baby) for _, giant, _, _, baby, _ in stage.terms.tolist()}
        giants, babies = (sorted(set(steps)) for steps in zip(*used, strict=True))
        wide, high = (36, 26) if max(giants) + max(babies) > 999 else (23, 26)
        turns = stage.rotations - len(stage.folds)  # digits has one target a stage
        drawing.text(left, top + 12, f"stage {index + 1}", bold=True)
        drawing.text(left, top + 30, f"{len(stage.terms)} {plural('product', len(stage.terms))}", fill=MUTED)
        folded = f" + {len(stage.folds)} folds" if stage.folds else ""
        rotations = f"{turns} {plural('rotation', turns)}{folded}" if turns else "no rotation"
        drawing.text(left, top + 48, rotations, fill=MUTED)
        for row, giant in enumerate(giants):
            for column, baby in enumerate(babies):
                if (giant, baby) not in used:
                    continue
                x, y = left + column * wide, top + 62 + row * high
                edge = (giant == 0) != (baby == 0)
                drawing.rect(x, y, wide, high, _DIAGONALS[0] if edge else PALE, stroke=CARD)
                drawing.text(x + wide / 2, y + 17.5, str(giant + baby), size=12, anchor="middle")
        left += max(len(babies) * wide, 190) + 36
    _folds(drawing, plan, left - 226, top + 160)
    y = top + 296
    drawing.rect(24, y + 8, 16, 16, _DIAGONALS[0])
    drawing.text(48, y + 21, "is also the step of a rotation: the babies of row 0, the giants of column 0", fill=MUTED)
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
    drawing.text(left, top - 10, "stage 2's folds: distinct slots", fill=MUTED)
    for index, distinct in enumerate((slots, *stage.folds)):
        y = top + index * 18
        drawing.rect(left, y, width, 12, PALE)
        drawing.rect(left, y, max(width * distinct / slots, 2), 12, GREEN)
        drawing.text(left + width + 10, y + 11, str(distinct), size=12)
