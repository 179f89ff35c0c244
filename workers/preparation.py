"""What a worker's processes evaluate with, which they share where their parent can prepare it."""

import gc
import os
from contextlib import suppress
from dataclasses import dataclass

from billiard.util import get_pdeathsig

from common.logs import get_logger
from workers.evaluation.burst_evaluation import prepare_plans
from workers.evaluation.engine import Engine, PreparedPlan
from workers.evaluation.engines import choose_engine, open_engine
from workers.evaluation.pyfhel.weights import WeightCache
from workers.freed_memory import return_freed_memory
from workers.keys.key_folder import key_folder
from workers.settings import WorkerSettings

log = get_logger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """An engine, the plans that it has prepared, by their hashes, and Pyfhel's weights of sealed plans."""

    engine: Engine
    plans: dict[str, PreparedPlan]
    weights: WeightCache


def with_engine(settings: WorkerSettings) -> WorkerSettings:
    """The settings with an engine that can run here, of which the log tells, and a folder that its keys can lie in.

    Raises `ConfigurationError`.
    """
    name = choose_engine(settings.engine)
    log.info("evaluating", **open_engine(name).description)
    folder = key_folder(settings.key_folder) if name == "native" else None
    return settings.model_copy(update={"engine": name, "key_folder": folder})


def prepare(settings: WorkerSettings) -> Evaluation:
    """Prepare the plans. Raises `PlanError` and `NetworkError` for one that can't be used, and `ConfigurationError`."""
    weights = WeightCache(settings.weight_cache_mb * 1_000_000)
    engine = open_engine(settings.engine, weights)
    return Evaluation(engine, prepare_plans(settings.plans, engine), weights)


def prepare_to_fork(settings: WorkerSettings) -> Evaluation | None:
    """What processes that are forked next will share; None where each has to prepare its own (`Engine.forks`).

    No other thread may run, or it could hold a lock while the process forks. Raises as `prepare` does.
    """
    if not open_engine(settings.engine).forks:
        return None
    # A collection writes to each object that it looks at, and so copies the page that it is in. So a process looks only
    # at those that it makes itself.
    os.register_at_fork(before=gc.freeze)
    with suppress(OSError):
        get_pdeathsig()  # it imports a compiler's front end, which each process would import for its set_pdeathsig
    evaluation = prepare(settings)
    gc.collect()
    return_freed_memory()
    return evaluation
