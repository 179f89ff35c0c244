"""Lists that are in memory are read part by part."""

from hypothesis import given
from hypothesis import strategies as st

from blindsight.web.parts.paging import newest_first, page_of
from web.site import Page


def _all_pages(names: list[str], limit: int) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = page_of(names, lambda name: name, cursor, limit)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


@given(st.sets(st.text(max_size=3)), st.integers(min_value=1, max_value=5))
def test_the_pages_together_are_the_list(names: set[str], limit: int) -> None:
    assert _all_pages(sorted(names), limit) == sorted(names)


def test_the_last_page_has_no_cursor() -> None:
    assert page_of(["a", "b"], str, None, 2) == Page(("a", "b"), None)


def test_a_page_goes_on_where_the_last_one_ended_though_its_last_item_is_gone() -> None:
    assert page_of(["a", "c", "d"], str, "b", 1) == Page(("c",), "c")


@given(st.lists(st.integers(min_value=0, max_value=2**63)))
def test_higher_numbers_come_first(numbers: list[int]) -> None:
    assert sorted(numbers, key=newest_first) == sorted(numbers, reverse=True)
