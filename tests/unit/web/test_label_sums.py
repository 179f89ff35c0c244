"""A sum of plots has what its parts have."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from web.label_sums import added
from web.site import Bucket, LabelPlot

plots = st.lists(
    st.builds(
        lambda seconds, start, counts: LabelPlot(
            seconds, ("a", "b"), tuple(Bucket(start + place * seconds, {"a": n}) for place, n in enumerate(counts))
        ),
        st.floats(1, 1e6),
        st.floats(0, 1e10),
        st.lists(st.integers(1, 9), max_size=30),
    ),
    max_size=5,
)


@settings(max_examples=100)
@given(plots, st.integers(1, 50))
def test_a_sum_of_plots_has_all_frames_in_at_most_so_many_stretches(given_plots: list[LabelPlot], points: int) -> None:
    given_plots = [replace(plot, buckets=plot.buckets[:points]) for plot in given_plots]
    total = added(given_plots, points)
    assert len(total.buckets) <= points
    counted = Counter[str]()
    for bucket in total.buckets:
        counted.update(bucket.counts)
    assert counted["a"] == sum(sum(bucket.counts.values()) for plot in given_plots for bucket in plot.buckets)
    starts = [bucket.start for bucket in total.buckets]
    assert starts == sorted(set(starts))
