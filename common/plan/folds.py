"""Folds of a stage, in groups of rotations that are added at once."""

from common.plan.plan import PlanHead
from common.plan.stage import Stage


def fold_groups(head: PlanHead, stage: Stage) -> list[list[int]]:
    """Steps of one frame's slots: of each fold, or of two, a and b, and a + b, where there is a key for that.

    x + rot_a(x), folded by b, is x + rot_a(x) + rot_b(x) + rot_(a+b)(x), of which all rotations share digits.
    """
    groups: list[list[int]] = []
    slots = head.parameters.slots // head.frames_per_ciphertext
    folds = list(stage.folds)
    while folds:
        pair = [*folds[:2], sum(folds[:2]) % slots]
        ready = head.rotations.get(pair[-1] * head.frames_per_ciphertext, -1) >= stage.level
        group = pair if len(folds) > 1 and ready else folds[:1]
        folds = folds[2:] if len(group) > 1 else folds[1:]
        groups.append(group)
    return groups
