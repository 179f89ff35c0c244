"""Pages have a filter's rows in order, each row once, while others are added; their cursors tell nothing."""

import string
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import HistoryError
from common.history.cursors import Cursors, Place
from common.history.history import History
from common.history.history_file import HISTORY
from common.history.pages import LABELS, rows
from common.history.views import LabelFilter, LabelView, ReadingFilter, ReadingView
from common.publishing.events import FrameLabel
from common.readings.reading import Reading
from common.service.database import reading as opened
from tests.unit.common.history.events import (
    DAY_ONE,
    DEVICES,
    NAMES,
    STATES,
    first_of_each,
    history_of,
    label,
    labels,
    readings,
    times,
)

#: Cursors under some key.
SHARED = Cursors(bytes(32))
any_time = st.none() | times
orders = st.sampled_from(("newest", "oldest"))
label_filters = st.builds(
    LabelFilter,
    st.sampled_from(("", *DEVICES, "nobody")),
    st.sampled_from(("", "cat", "cow")),
    st.sampled_from(("", "pet")),
    st.sampled_from(("", "left")),
    any_time,
    any_time,
    orders,
    st.sampled_from((None, (), ("cam-a",), ("cam-b", "cam-a", "nobody"))),
)
reading_filters = st.builds(
    ReadingFilter,
    st.sampled_from(("", *DEVICES)),
    st.sampled_from(("", *NAMES)),
    st.sampled_from(("", *STATES)),
    any_time,
    any_time,
    orders,
)


def walked(history: History, wanted: LabelFilter, limit: int) -> list[LabelView]:
    """All labels of a filter, page by page."""
    found: list[LabelView] = []
    cursor = None
    while True:
        page = history.labels(wanted, cursor, limit)
        assert len(page.items) == limit or page.next_cursor is None
        found += page.items
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


def is_wanted(view: LabelView | ReadingView, wanted: LabelFilter | ReadingFilter) -> bool:
    named = ("device", "label", "group", "region") if isinstance(wanted, LabelFilter) else ("device", "name", "state")
    return (
        all(getattr(wanted, name) in ("", getattr(view, name)) for name in named)
        and (wanted.devices is None or view.device in wanted.devices)
        and (wanted.start is None or view.at >= wanted.start)
        and (wanted.end is None or view.at < wanted.end)
    )


def view_of(event: FrameLabel) -> LabelView:
    at = event.received_at if event.captured_at is None else event.captured_at
    names = (event.group, event.region, event.source)
    return LabelView(event.device, event.job, event.counter, event.label, at, event.recorded_at, *names)


@given(st.lists(labels, max_size=40), label_filters, st.integers(1, 7))
@settings(deadline=None, max_examples=60)
@pytest.mark.slow
def test_pages_of_labels_are_the_filtered_ones_in_order(
    events: list[FrameLabel], wanted: LabelFilter, limit: int
) -> None:
    with history_of(events) as history:
        found = walked(history, wanted, limit)
        views = [view_of(event) for event in first_of_each(events)]
        # Those of the same time are in the order of their record.
        views.sort(key=lambda view: view.at)
        expected = [view for view in views if is_wanted(view, wanted)]
        assert found == (expected if wanted.order == "oldest" else expected[::-1])
        assert list(history.all_labels(wanted)) == found


@given(st.lists(readings(), max_size=40), reading_filters, st.integers(1, 7))
@settings(deadline=None, max_examples=40)
@pytest.mark.slow
def test_pages_of_readings_are_the_filtered_ones_in_order(
    events: list[Reading], wanted: ReadingFilter, limit: int
) -> None:
    with history_of(events) as history:
        found: list[ReadingView] = []
        page = history.readings(wanted, None, limit)
        found += page.items
        while page.next_cursor is not None:
            page = history.readings(wanted, page.next_cursor, limit)
            found += page.items
        told = [(view.device, view.name, view.job, view.at, view.state, view.value) for view in found]
        known = sorted(first_of_each(events), key=lambda event: event.captured_at or 0.0)
        expected = [
            (event.device, event.name, event.job, event.captured_at, event.state, event.value)
            for event in known
            if wanted.device in ("", event.device)
            and wanted.name in ("", event.name)
            and wanted.state in ("", event.state)
            and (wanted.start is None or (event.captured_at or 0.0) >= wanted.start)
            and (wanted.end is None or (event.captured_at or 0.0) < wanted.end)
        ]
        assert told == (expected if wanted.order == "oldest" else expected[::-1])
        assert list(history.all_readings(wanted)) == found


@given(st.lists(labels, min_size=1, max_size=30), st.lists(labels, max_size=30), label_filters, st.integers(1, 5))
@settings(deadline=None, max_examples=40)
@pytest.mark.slow
def test_a_row_that_was_there_comes_once_while_others_are_added(
    before: list[FrameLabel], meanwhile: list[FrameLabel], wanted: LabelFilter, limit: int
) -> None:
    with history_of(before) as history:
        there = set(history.all_labels(wanted))
        found: list[LabelView] = []
        more = iter(meanwhile)
        cursor = None
        while True:
            page = history.labels(wanted, cursor, limit)
            found += page.items
            history.add([event for event, _ in zip(more, range(3), strict=False)])
            if page.next_cursor is None:
                break
            cursor = page.next_cursor
        assert len(set(found)) == len(found)
        assert there <= set(found)
        assert all(is_wanted(view, wanted) for view in found)


def test_rows_of_one_moment_are_walked_as_any_others() -> None:
    events = [label(number, DAY_ONE, label="cat" if number % 3 else "dog") for number in range(50)]
    with history_of(events) as history:
        for order in ("newest", "oldest"):
            found = walked(history, LabelFilter(order=order), 7)
            assert sorted(view.counter for view in found) == list(range(50))


def with_two_devices() -> Sequence[FrameLabel]:
    return [label(number, device=DEVICES[number % 2]) for number in range(30)]


def test_a_cursor_is_one_of_its_list_alone() -> None:
    with history_of(with_two_devices()) as history:
        wanted = LabelFilter("cam-a")
        cursor = history.labels(wanted, None, 3).next_cursor
        assert cursor is not None
        assert history.labels(wanted, cursor, 30).items[0].counter == 22
        others = [LabelFilter("cam-b"), LabelFilter(), replace(wanted, order="oldest"), replace(wanted, start=1.0)]
        for other in others:
            with pytest.raises(HistoryError, match="the cursor isn't one of this list"):
                history.labels(other, cursor, 3)
        with pytest.raises(HistoryError, match="the cursor isn't one of this list"):
            history.readings(ReadingFilter("cam-a"), cursor, 3)
    with history_of(with_two_devices()) as another, pytest.raises(HistoryError, match="begin again without one"):
        another.labels(wanted, cursor, 3)


def test_a_cursor_still_fits_after_a_new_start() -> None:
    with history_of(with_two_devices()) as history:
        cursor = history.labels(LabelFilter(), None, 3).next_cursor
        again = History(history._path)
        assert again.labels(LabelFilter(), cursor, 1).items[0].counter == 26
        again.close()


@given(st.text(max_size=80) | st.text(string.ascii_letters + string.digits + "-_", min_size=59, max_size=60))
@settings(deadline=None, max_examples=100)
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(HistoryError, match="the cursor isn't one of this list"):
        SHARED.open(text, "labels")


def test_a_cursor_that_was_changed_anywhere_is_none() -> None:
    cursor = SHARED.seal(Place(1.5, 7), "labels")
    assert SHARED.open(cursor, "labels") == Place(1.5, 7)
    for place in range(len(cursor) - 1):  # of the last letter, two bits say nothing
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(HistoryError):
            SHARED.open(changed, "labels")


def test_cursors_tell_nothing_of_other_devices_rows() -> None:
    alone = [label(number) for number in range(10)]
    crowd = [label(number, device=device) for number in range(10) for device in ("cam-a", "cam-b")]
    cursors = []
    for events in (alone, crowd):
        with history_of(events) as history:
            pages = [history.labels(LabelFilter("cam-a"), None, 3) for _ in range(2)]
            assert {view.device for page in pages for view in page.items} == {"cam-a"}
            cursors += [page.next_cursor or "" for page in pages]
    assert len(set(cursors)) == 4  # the same place is never written twice in the same way
    assert len({len(cursor) for cursor in cursors}) == 1


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with history_of() as history, pytest.raises(HistoryError, match=r"limit is .*; give 1 to 10,000"):
        history.labels(LabelFilter(), None, limit)


def test_every_page_begins_in_an_index_and_sorts_nothing() -> None:
    filters = [
        LabelFilter(),
        LabelFilter("cam-a"),
        LabelFilter(label="cat"),
        LabelFilter("cam-a", "cat"),
        LabelFilter(group="pet"),
        LabelFilter("cam-a", region="left", start=DAY_ONE, end=DAY_ONE + 50, order="oldest"),
    ]
    every = [label(number, group="pet", region="left") for number in range(20)]
    with history_of(every) as history:
        asked: list[str] = []
        with opened(history._path, HISTORY) as db:
            for wanted in filters:
                asked.clear()
                db.set_trace_callback(asked.append)
                assert rows(db, LABELS, wanted, Place(DAY_ONE + 9, 9), 3)
                db.set_trace_callback(None)
                for text in [each for each in asked if "ORDER BY" in each]:
                    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {text}")]
                    assert "USING INDEX labels_by_" in plan[0] and not any("TEMP" in step for step in plan), plan
