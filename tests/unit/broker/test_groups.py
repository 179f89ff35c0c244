"""The names of the groups in which bridges share their subscriptions."""

from broker.groups import subscriptions
from common.wire import topics

FILTERS = [f"{topics.ROOT}/+/frames/+", f"{topics.ROOT}/+/keys/+/+"]


def parts(password: str | None) -> list[list[str]]:
    """$share, group and filter of each."""
    return [each.split("/", 2) for each in subscriptions(password)]


def test_bridges_with_one_password_share_a_group_for_each_filter_and_others_know_neither() -> None:
    assert subscriptions("secret") == subscriptions("secret")
    groups = {group for password in ("secret", "other") for _, group, _ in parts(password)}
    assert len(groups) == 4 and all(len(group) > 32 and "secret" not in group for group in groups)
    for password in ("secret", None):
        assert [filter_ for _, _, filter_ in parts(password)] == FILTERS
        assert {share for share, _, _ in parts(password)} == {"$share"}


def test_where_nobody_has_a_password_the_groups_have_plain_names() -> None:
    assert [group for _, group, _ in parts(None)] == ["frames", "keys"]
