"""A group's precision and recall are of its labels together, whichever of them it was."""

import io

import numpy as np
from rich.console import Console

from blindsight.commands.model.evaluation_table import group_table
from blindsight.measure.groups import GroupScore, GroupScores, score_groups
from common.label_groups import LabelGroups, read_groups

LABELS = ("airplane", "automobile", "cat", "dog", "truck")
AIRPLANE, AUTOMOBILE, CAT, DOG, TRUCK = range(5)
TRUTH = np.array([AUTOMOBILE, TRUCK, TRUCK, CAT, DOG, AIRPLANE])
#: A truck for an automobile, a truck taken for a cat, a dog for a cat, an airplane for a truck.
PLAIN = np.array([TRUCK, TRUCK, CAT, CAT, CAT, TRUCK])


def test_a_frame_is_right_whose_label_is_in_the_group_of_the_true_one_or_like_it_in_none() -> None:
    scores = score_groups(read_groups(["vehicle=automobile,truck"]), LABELS, TRUTH, PLAIN, PLAIN[:4])
    assert scores == GroupScores(
        plain_accuracy=4 / 6,  # all but the truck that was a cat and the airplane that was a truck
        accuracy=3 / 4,
        groups=(GroupScore("vehicle", 3, 2 / 2, 2 / 3), GroupScore("", 1, 1 / 2, 1 / 1)),
    )


def test_what_no_frame_is_of_or_said_to_be_of_has_no_share() -> None:
    groups = read_groups(["flying=airplane", "vehicle=automobile,truck", "animal=cat,dog"])
    scores = score_groups(groups, LABELS, TRUTH[3:5], PLAIN[3:5], np.array([CAT, AUTOMOBILE]))
    assert scores is not None
    assert scores.groups == (
        GroupScore("flying", 0, None, None),
        GroupScore("vehicle", 0, 0.0, None),
        GroupScore("animal", 2, 1.0, 0.5),
    )  # and no row for labels in no group, for every label is in one
    assert score_groups(LabelGroups(), LABELS, TRUTH, PLAIN, PLAIN) is None


def test_the_table_says_which_labels_are_in_no_group() -> None:
    scores = score_groups(read_groups(["vehicle=automobile,truck"]), LABELS, TRUTH, PLAIN, PLAIN)
    assert scores is not None
    printed = io.StringIO()
    Console(file=printed, width=80).print(group_table(scores))
    rows = [line.replace("│", " ").split() for line in printed.getvalue().splitlines()]
    assert ["vehicle", "3", "66.67%", "66.67%"] in rows
    assert ["(in", "no", "group)", "3", "66.67%", "66.67%"] in rows
