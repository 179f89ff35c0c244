"""Groups of labels are read as they are meant, or refused with what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ConfigurationError
from common.label_groups import LabelGroups, read_groups

LABELS = ("airplane", "automobile", "cat", "truck")
WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=10)


def test_a_label_has_the_group_that_lists_it_and_no_other_has_one() -> None:
    groups = read_groups(["vehicle=automobile, truck", "animal=cat"])
    assert [groups.of(label) for label in LABELS] == ["", "vehicle", "animal", "vehicle"]
    assert groups.names == ["vehicle", "animal"]
    groups.check(LABELS)


def test_without_groups_no_label_has_one() -> None:
    groups = read_groups([])
    assert not groups and groups == LabelGroups() and groups.of("cat") == ""
    groups.check(LABELS)


@given(st.dictionaries(WORD, st.lists(WORD, min_size=1, max_size=4), max_size=4))
def test_what_shares_no_label_is_read_back(wanted: dict[str, list[str]]) -> None:
    listed = [label for labels in wanted.values() for label in labels]
    texts = [f"{name}={','.join(labels)}" for name, labels in wanted.items()]
    if len(set(listed)) < len(listed):
        with pytest.raises(ConfigurationError, match="one group at most"):
            read_groups(texts)
    else:
        expected = {label: name for name, labels in wanted.items() for label in labels}
        assert read_groups(texts) == LabelGroups(expected)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["vehicle"], "group is 'vehicle'; give NAME=LABEL,LABEL, such as vehicle=automobile,truck"),
        (["=cat"], "give NAME=LABEL"),
        (["vehicle="], "give NAME=LABEL"),
        (["vehicle=cat,,truck"], "give NAME=LABEL"),
        (["a\x1bb=cat"], r"a name has up to 256 characters, all of them printable"),
        (["a" * 257 + "=cat"], r"a name has up to 256 characters"),
        (["a=cat", "a=truck"], "group 'a' is there twice; give all of its labels at once"),
        (["a=cat", "b=truck,cat"], "group 'b' has the label 'cat', which is in 'a' already; a label is in one group"),
        (["a=cat,cat"], "which is in 'a' already"),
    ],
)
def test_what_are_no_groups_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_groups(texts)


def test_a_label_that_the_model_does_not_have_is_named_with_the_nearest_that_it_has() -> None:
    told = "the label 'automobil', which isn't one of the model's, airplane, .*; did you mean 'automobile'"
    with pytest.raises(ConfigurationError, match=told):
        read_groups(["vehicle=automobil,truck"]).check(LABELS)
    with pytest.raises(
        ConfigurationError, match=r"isn't one of the model's, 0, 1, .*, 19 and 980 more; choose from them"
    ):
        read_groups(["x=dog"]).check(map(str, range(1000)))
