"""A plot counts exactly the rows of its filter and times, in few enough stretches, also after some are forgotten."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import HistoryError
from common.history import plots, writing
from common.history.history import History
from common.history.views import LabelFilter, LabelPlot, ReadingFilter, ReadingPlot
from common.publishing.events import FrameLabel
from common.readings.reading import Reading
from tests.unit.common.history.events import DAY_ONE, first_of_each, history_of, label, labels, reading, readings, times

any_time = st.none() | times
label_filters = st.builds(
    LabelFilter,
    st.sampled_from(("", "cam-a", "cam-b", "nobody")),
    st.sampled_from(("", "cat", "cow")),
    st.sampled_from(("", "pet")),
    st.sampled_from(("", "left")),
    any_time,
    any_time,
    devices=st.sampled_from((None, (), ("cam-c",), ("cam-b", "cam-a"))),
)
reading_filters = st.builds(
    ReadingFilter, st.just("cam-a"), st.just("water"), st.sampled_from(("", "good", "uncertain")), any_time, any_time
)
points = st.sampled_from((1, 2, 30, 300, 3000))
cuts = st.lists(st.integers(0, 60), max_size=3)


def in_batches(events: Sequence[Any], at: Sequence[int]) -> list[Sequence[Any]]:
    edges = [0, *sorted(at), len(events)]
    return [events[start:end] for start, end in pairwise(edges)]


def is_within(at: float, wanted: LabelFilter | ReadingFilter) -> bool:
    return (wanted.start is None or at >= wanted.start) and (wanted.end is None or at < wanted.end)


def chosen_labels(events: Sequence[FrameLabel], wanted: LabelFilter) -> list[FrameLabel]:
    pairs = (("device", "device"), ("label", "label"), ("group", "group"), ("region", "region"))
    return [
        event
        for event in events
        if all(getattr(wanted, name) in ("", getattr(event, field)) for name, field in pairs)
        and (wanted.devices is None or event.device in wanted.devices)
        and is_within(event.captured_at or 0.0, wanted)
    ]


def chosen_readings(events: Sequence[Reading], wanted: ReadingFilter) -> list[Reading]:
    return [
        event
        for event in events
        if (event.device, event.name) == (wanted.device, wanted.name)
        and wanted.state in ("", event.state)
        and is_within(event.captured_at or 0.0, wanted)
    ]


def check_labels(plot: LabelPlot, chosen: Sequence[FrameLabel]) -> None:
    counts: defaultdict[float, Counter[str]] = defaultdict(Counter)
    for event in chosen:
        counts[math.floor((event.captured_at or 0.0) // plot.seconds) * plot.seconds][event.label] += 1
    assert {bucket.start: bucket.counts for bucket in plot.buckets} == counts
    assert [bucket.start for bucket in plot.buckets] == sorted(counts)
    assert plot.labels == tuple(sorted({event.label for event in chosen}))


def check_readings(plot: ReadingPlot, chosen: Sequence[Reading]) -> None:
    by_stretch: defaultdict[float, list[Reading]] = defaultdict(list)
    for event in chosen:
        by_stretch[math.floor((event.captured_at or 0.0) // plot.seconds) * plot.seconds].append(event)
    assert [point.start for point in plot.points] == sorted(by_stretch)
    for point in plot.points:
        those = by_stretch[point.start]
        assert point.states == Counter(event.state for event in those)
        known = sorted((event.captured_at, float(event.value)) for event in those if event.value is not None)
        told = (point.first, point.value, point.lowest, point.highest)
        if known:
            values = [value for _, value in known]
            assert told == (values[0], values[-1], min(values), max(values))
        else:
            assert told == (None,) * 4


def span(plot: LabelPlot | ReadingPlot) -> int:
    """The stretches from the first one with a row to the last one."""
    starts = [each.start for each in (plot.buckets if isinstance(plot, LabelPlot) else plot.points)]
    return round((starts[-1] - starts[0]) / plot.seconds) + 1 if starts else 0


@given(st.lists(labels, max_size=60), cuts, label_filters, points)
@settings(deadline=None, max_examples=60)
@pytest.mark.slow
def test_a_plot_of_any_labels_is_a_plain_count_of_them(
    events: list[FrameLabel], cut: list[int], wanted: LabelFilter, most: int
) -> None:
    with history_of(*in_batches(events, cut)) as history:
        plot = history.label_plot(wanted, most)
        assert span(plot) <= most
        check_labels(plot, chosen_labels(first_of_each(events), wanted))


@given(st.lists(readings(), max_size=60), cuts, reading_filters, points)
@settings(deadline=None, max_examples=60)
@pytest.mark.slow
def test_a_plot_of_any_readings_tells_the_values_and_states_of_each_stretch(
    events: list[Reading], cut: list[int], wanted: ReadingFilter, most: int
) -> None:
    with history_of(*in_batches(events, cut)) as history:
        plot = history.reading_plot(wanted, most)
        assert span(plot) <= most
        check_readings(plot, chosen_readings(first_of_each(events), wanted))


@given(st.lists(labels, max_size=40), st.lists(readings(), max_size=40), times, points)
@settings(deadline=None, max_examples=40)
@pytest.mark.slow
def test_what_was_forgotten_is_counted_no_more_and_what_is_left_still_is(
    seen: list[FrameLabel], read: list[Reading], before: float, most: int
) -> None:
    seen, read = first_of_each(seen), first_of_each(read)
    with pytest.MonkeyPatch.context() as patch, history_of(seen, read) as history:
        patch.setattr(writing, "_FORGET_ROWS", 7)
        while history.forget(before):
            pass
        left = [event for event in seen if event.recorded_at >= before]
        assert {view.counter for view in history.all_labels(LabelFilter())} == {event.counter for event in left}
        check_labels(history.label_plot(LabelFilter(), most), left)
        check_labels(history.label_plot(LabelFilter("cam-a"), most), chosen_labels(left, LabelFilter("cam-a")))
        wanted = ReadingFilter("cam-a", "water")
        kept = {(view.job, view.name, view.device) for view in history.all_readings(ReadingFilter())}
        still = [event for event in read if (event.job, event.name, event.device) in kept]
        check_readings(history.reading_plot(wanted, most), chosen_readings(still, wanted))


def test_whole_hours_and_days_come_out_of_what_is_counted_and_rows_only_where_one_is_cut() -> None:
    events = [label(number, DAY_ONE + 600.0 * number) for number in range(3000)]  # three weeks
    with history_of(events) as history:
        start, end = DAY_ONE + 1234.5, DAY_ONE + 20 * 86400 + 5432.1
        for most in (3000, 500, 50, 5):
            wanted = LabelFilter("cam-a", start=start, end=end)
            plot = history.label_plot(wanted, most)
            check_labels(plot, chosen_labels(events, wanted))
        assert plot.seconds == 7 * 86400
        parts = plots._parts(start, end, 7 * 86400)
    assert [part.unit for part in parts] == [1, 3600, 86400, 3600, 1]
    assert all(before.end * before.unit == after.start * after.unit for before, after in pairwise(parts))


def test_a_plot_of_too_many_rows_to_count_one_by_one_has_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [label(number, DAY_ONE + number) for number in range(100)]
    with history_of(events) as history:
        assert history.label_plot(LabelFilter(), 1000).seconds == 1
        monkeypatch.setattr(plots, "_MOST_ROWS", 99)
        plot = history.label_plot(LabelFilter(), 1000)
        assert plot.seconds == 3600
        check_labels(plot, events)


def test_a_history_of_nothing_has_empty_plots() -> None:
    with history_of() as history:
        assert history.label_plot(LabelFilter(), 10).buckets == ()
        assert history.reading_plot(ReadingFilter("cam-a", "water"), 10).points == ()
        history.add([label(1), reading(1)])
        assert history.label_plot(LabelFilter("cam-z"), 10).buckets == ()
        assert history.label_plot(LabelFilter(start=DAY_ONE + 100), 10).buckets == ()
        assert history.label_plot(LabelFilter(start=DAY_ONE + 1, end=DAY_ONE + 1), 10).buckets == ()
        assert history.reading_plot(ReadingFilter("cam-a", "gas"), 10).points == ()


def test_the_unit_of_a_plot_is_the_last_readings() -> None:
    with history_of([reading(1, unit="m3"), reading(2, unit="m³")]) as history:
        assert history.reading_plot(ReadingFilter("cam-a", "water"), 10).unit == "m³"


def test_what_no_plot_can_show_does_no_harm() -> None:
    strange = ["1" * 400, "", "x", "nan", "inf", "5"]
    with history_of([reading(number, value=value) for number, value in enumerate(strange)]) as history:
        (point,) = history.reading_plot(ReadingFilter("cam-a", "water"), 1).points
        assert (point.value, point.states) == (5.0, {"good": len(strange)})
        path = history._path
        history.close()
        History(path).close()


@pytest.mark.parametrize("wrong", [0, -1, 10_001])
def test_a_number_of_points_out_of_range_is_refused(wrong: int) -> None:
    with history_of() as history, pytest.raises(HistoryError, match=r"points is .*; give 1 to 10,000"):
        history.label_plot(LabelFilter(), wrong)


def test_a_plot_without_a_reading_is_refused() -> None:
    with history_of() as history:
        for wanted in (ReadingFilter(), ReadingFilter("cam-a"), ReadingFilter("", "water")):
            with pytest.raises(HistoryError, match="give device and name"):
                history.reading_plot(wanted, 10)


def test_a_plot_of_a_reading_of_a_device_that_is_not_among_them_is_empty() -> None:
    with history_of([reading(1)]) as history:
        wanted = ReadingFilter("cam-a", "water", devices=("cam-a",))
        assert len(history.reading_plot(wanted, 10).points) == 1
        assert history.reading_plot(replace(wanted, devices=("cam-b",)), 10).points == ()


def test_a_time_that_is_no_number_is_refused_and_others_are_any() -> None:
    with history_of([label(1)]) as history:
        with pytest.raises(HistoryError, match="start is nan"):
            history.label_plot(LabelFilter(start=math.nan), 10)
        everything = LabelFilter(start=-math.inf, end=math.inf)
        assert len(history.label_plot(everything, 10).buckets) == 1
        assert history.label_plot(replace(everything, start=1e300), 10).buckets == ()
