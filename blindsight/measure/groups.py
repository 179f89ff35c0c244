"""How well groups of labels are told apart: whoever acts on a group doesn't mind which of its labels it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.label_groups import LabelGroups


@dataclass(frozen=True)
class GroupScore:
    """One group, or with an empty name all labels that are in none.

    `frames` are those of the group. `precision` is the share of the frames that are said to be of the group which are
    of it, `recall` the share of the group's frames that are said to be; None where there are no such frames.
    """

    group: str
    frames: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class GroupScores:
    """Shares of 1: a frame is right whose label is in the group of the true one, or like it in none.

    `plain_accuracy` is the plain model's of all frames; `accuracy` and `groups` are of those that were evaluated.
    """

    plain_accuracy: float
    accuracy: float
    groups: tuple[GroupScore, ...]


def score_groups(
    groups: LabelGroups, labels: Sequence[str], truth: NDArray[Any], plain: NDArray[Any], decisions: NDArray[Any]
) -> GroupScores | None:
    """The scores of decisions on the first of the frames, and of the plain model's on all; None without groups.

    `labels` are the model's; `truth` (n,), `plain` (n,) and `decisions` (at most n,) are indices into them.
    """
    if not groups:
        return None
    names = [*groups.names, ""]
    group_of = np.array([names.index(groups.of(label)) for label in labels])
    true, expected, got = group_of[truth], group_of[plain], group_of[decisions]
    same = true[: len(got)]
    return GroupScores(
        plain_accuracy=float(np.mean(expected == true)),
        accuracy=float(np.mean(got == same)),
        groups=tuple(
            _score(name, same == place, got == place) for place, name in enumerate(names) if place in group_of
        ),
    )


def _score(name: str, is_true: NDArray[np.bool_], is_said: NDArray[np.bool_]) -> GroupScore:
    frames, said, both = (int(np.count_nonzero(each)) for each in (is_true, is_said, is_true & is_said))
    return GroupScore(name, frames, both / said if said else None, both / frames if frames else None)
