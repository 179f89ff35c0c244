"""A plan on plain slot vectors: exactly what the evaluator does, without encryption.

Checks a plan against its network on thousands of frames in seconds, and tells an error of
layout from one of noise.
"""

import numpy as np
from numpy.typing import NDArray

from common.plan import Plan, Stage

Slots = NDArray[np.float64]


def simulate(plan: Plan, frames: NDArray[np.uint8], batch: int = 250) -> NDArray[np.float64]:
    """Scores (n, labels) of frames (n, h, w[, c]) uint8 through the plan's rotations and products."""
    scores: list[NDArray[np.float64]] = []
    for start in range(0, len(frames), batch):
        slots = np.stack([plan.head.lay_out(frame) for frame in frames[start : start + batch]])
        for stage in plan.stages:
            slots = _run_stage(stage, slots)
        scores.extend(plan.head.read_scores(row) for row in slots)
    return np.stack(scores)


def _run_stage(stage: Stage, slots: Slots) -> Slots:
    rotated = {baby: np.roll(slots, -baby, axis=1) for baby in {baby for _, baby, _ in stage.terms}}
    total = np.zeros_like(slots)
    for giant in {giant for giant, _, _ in stage.terms}:
        inner = sum(rotated[baby] * stage.vectors[row] for g, baby, row in stage.terms if g == giant)
        total += np.roll(inner, -giant, axis=1)
    for step in stage.folds:
        total = total + np.roll(total, -step, axis=1)
    total = total + stage.bias
    return total**2 if stage.square else total
