"""Sums of plots: the labels of several devices over time."""

import math
from collections import Counter
from collections.abc import Sequence

from web.site import Bucket, LabelPlot


def added(plots: Sequence[LabelPlot], points: int) -> LabelPlot:
    """The sum of plots, in stretches that are at least as long as the longest of theirs, and at most `points`."""
    filled = [plot for plot in plots if plot.buckets]
    if len(filled) <= 1:
        return filled[0] if filled else LabelPlot(60.0, (), ())
    start = min(plot.buckets[0].start for plot in filled)
    end = max(plot.buckets[-1].start for plot in filled)
    seconds = max(*(plot.seconds for plot in filled), math.nextafter((end - start) / points, math.inf))
    sums: dict[int, Counter[str]] = {}
    for plot in filled:
        for bucket in plot.buckets:
            place = min(int((bucket.start - start) // seconds), points - 1)
            sums.setdefault(place, Counter()).update(bucket.counts)
    totals = Counter[str]()
    for counts in sums.values():
        totals.update(counts)
    buckets = tuple(Bucket(start + place * seconds, dict(sums[place])) for place in sorted(sums))
    return LabelPlot(seconds, tuple(label for label, _ in totals.most_common()), buckets)
