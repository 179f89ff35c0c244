"""`blindsight calibrate`: what rows take on this machine, for predictions.

Small plans are evaluated, each of which consists of other rows for the most part, and times are fitted to them.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from scipy.optimize import nnls

from blindsight.measure.sample_plans import Sample, samples
from common.ckks.parameters import RING_DIMENSIONS
from common.engine_names import EngineName
from common.errors import ConfigurationError
from common.plan.costs import Costs
from common.plan.predictions import plan_rows
from common.plan.work import Rows
from workers.evaluation.engine import Engine
from workers.evaluation.engines import open_engine, runnable_engines

#: Seconds for which each plan is evaluated again and again, and the fewest times.
_SECONDS, _FEWEST = 0.25, 5


def measure_costs(progress: Callable[[EngineName, int], None]) -> list[Costs]:
    """The times of each engine that can run here; `progress` is called with each engine and ring that is done."""
    costs = [Costs(engine, {}, {}, {}, {}, {}) for engine in runnable_engines()]
    for dimension in RING_DIMENSIONS:
        plans = samples(dimension)
        for own in costs:
            engine = open_engine(own.engine)
            rows = [plan_rows(sample.plan, own.engine) for sample in plans]
            times = _fitted(rows, [_measured_ms(sample, engine) for sample in plans])
            for kind, time_of_row in zip(Rows._fields, times, strict=True):
                getattr(own, kind)[dimension] = time_of_row
            progress(own.engine, dimension)
    return costs


def _measured_ms(sample: Sample, engine: Engine) -> float:
    """The time of an evaluation on a core of its own, in ms: the least, since whatever else runs only adds to it."""
    plan, keys = engine.prepare(sample.served), engine.load_keys(sample.keys)
    times: list[float] = []
    began_at = time.perf_counter()
    while len(times) < _FEWEST or time.perf_counter() - began_at < _SECONDS:
        started_at = time.thread_time()
        plan.evaluate(keys, sample.burst)
        times.append((time.thread_time() - started_at) * 1000)
    return min(times)


def _fitted(rows: Sequence[Rows], ms: Sequence[float]) -> list[float]:
    """The µs of each kind of row, none negative, by which the plans' times are predicted with least relative error."""
    shares = np.array(rows) / np.array(ms)[:, None] / 1000
    return [round(float(one), 3) for one in nnls(shares, np.ones(len(ms)))[0]]


def check_writable(path: Path) -> None:
    """Raise `ConfigurationError` when times can't be written there: before minutes of measuring."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _partial(path).touch()
        _partial(path).unlink()
    except OSError as error:
        raise ConfigurationError(
            f"the times go to {path}, which can't be written: {error.strerror}; "
            "set XDG_CACHE_HOME to a folder that can be"
        ) from error


def save_costs(costs: Sequence[Costs], path: Path) -> None:
    """Write times where `load_costs` finds them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _partial(path).write_bytes(msgspec.json.format(msgspec.json.encode(costs), indent=1) + b"\n")
    _partial(path).replace(path)


def _partial(path: Path) -> Path:
    """Where a file is written first: one that is cut off would be taken for damaged."""
    return path.with_name(f"{path.name}.partial")
