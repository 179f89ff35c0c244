"""Every label has a key of its own, as long as there are keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blindsight.pages.labelling.keys import check_labels, keys_of
from common.errors import ConfigurationError


def test_a_meters_labels_have_the_keys_that_one_expects() -> None:
    labels = [*"0123456789", "between", "unreadable"]
    assert keys_of(labels) == {**{digit: digit for digit in "0123456789"}, "between": "b", "unreadable": "u"}


def test_a_label_whose_first_letter_is_taken_gets_the_next_one() -> None:
    assert keys_of(["cat", "car", "ca", "Cow"]) == {"cat": "c", "car": "a", "ca": "0", "Cow": "o"}


def test_a_label_of_one_character_keeps_its_key() -> None:
    assert keys_of(["apple", "a"]) == {"a": "a", "apple": "p"}


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), unique=True, max_size=50))
def test_no_two_labels_share_a_key_and_36_labels_have_one(labels: list[str]) -> None:
    keys = keys_of(labels)
    assert len(set(keys.values())) == len(keys) == min(len(labels), 36)


@pytest.mark.parametrize(
    ("labels", "message"),
    [([], "empty"), (["a", "a"], "twice"), (["a "], "spaces"), (["a\n"], "printable"), ([""], "''")],
)
def test_labels_that_cannot_be_told_apart_are_refused(labels: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_labels(labels)
