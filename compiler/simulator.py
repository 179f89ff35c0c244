"""A plan on plain slot vectors: exactly what the evaluator does, without encryption.

Checks a plan against its network on thousands of frames in seconds, and tells an error of
layout from one of noise. Frames that share a ciphertext never meet, so each is run on its own.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from common.plan.plan import Plan, sum_scores
from common.plan.stage import Stage

#: Slots of a frame, shape (frames, ciphertexts, slots).
Slots = NDArray[np.float64]


def simulate(plan: Plan, frames: NDArray[np.uint8], batch: int = 50) -> NDArray[np.float64]:
    """Scores (n, labels) of frames (n, h, w[, c]) uint8 through the plan's rotations and products."""
    scores: list[NDArray[np.float64]] = []
    for start in range(0, len(frames), batch):
        values = [plan.head.frame_slots(frames[start : start + batch])]
        for stage in plan.stages:
            out = run_stage(stage, dict(enumerate(values)))
            values.append(out**2 if stage.square else out)
        head = plan.head
        scores.append(sum_scores(head.output_layout, values[-1], len(head.labels)) * head.output_factor)
    return np.concatenate(scores)


def run_stage(stage: Stage, values: Mapping[int, Slots]) -> Slots:
    """A linear stage, without the square behind it."""
    slots = stage.bias.shape[1]
    frames = len(next(iter(values.values())))
    rotations, rotated = np.unique(stage.terms[:, 2:5], axis=0, return_inverse=True)
    inputs = np.stack([np.roll(values[value][:, number], -baby, axis=1) for value, number, baby in rotations.tolist()])
    groups, group = np.unique(stage.terms[:, :2], axis=0, return_inverse=True)
    order = np.argsort(group.reshape(-1), kind="stable")
    starts = np.searchsorted(group.reshape(-1)[order], np.arange(1, len(groups)))
    out = np.zeros((frames, stage.targets, slots))
    for (target, giant), terms in zip(groups.tolist(), np.split(order, starts), strict=True):
        vectors = np.tile(stage.vectors[stage.terms[terms, 5]], slots // stage.vectors.shape[1])
        inner = np.einsum("tfs,ts->fs", inputs[rotated.reshape(-1)[terms]], vectors)
        out[:, target] += np.roll(inner, -giant, axis=1)
    for step in stage.folds:
        out += np.roll(out, -step, axis=2)
    return out + stage.bias
