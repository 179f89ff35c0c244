"""`blindsight calibrate`: plans that every engine evaluates, and times that are fitted to them."""

import numpy as np
import pytest

from blindsight.measure.machine import _fitted
from blindsight.measure.sample_plans import samples
from common.plan.predictions import plan_rows
from common.plan.work import Rows
from tests.engines import ENGINES


def test_times_of_rows_are_found_again() -> None:
    random = np.random.default_rng(0)
    rows = [Rows(*random.integers(0, 100, 5).tolist()) for _ in range(12)]
    times = [40.0, 8.0, 3.0, 25.0, 20.0]
    assert _fitted(rows, [float(np.dot(one, times)) / 1000 for one in rows]) == pytest.approx(times, rel=1e-3)


def test_no_time_is_negative() -> None:
    rows = [Rows(transform=1), Rows(transform=2, wire=1)]
    assert min(_fitted(rows, [2.0, 1.0])) >= 0


@pytest.mark.slow
def test_every_engine_evaluates_the_sample_plans_and_they_tell_all_kinds_of_rows_apart() -> None:
    plans = samples(8192)
    for engine in ENGINES:
        for sample in plans:
            assert engine.prepare(sample.served).evaluate(engine.load_keys(sample.keys), sample.burst)
    counted = np.array([plan_rows(sample.plan, "native") for sample in plans])
    assert np.linalg.matrix_rank(counted) == len(Rows._fields)
