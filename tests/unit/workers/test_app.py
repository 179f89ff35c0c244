"""A worker refuses, before it connects to anything, plans that it could never evaluate."""

from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from common.engine_names import EngineName
from common.errors import KeySetError, PlanError
from common.plan.plan import Plan
from common.plan.plan_file import load_plan
from models.catalogue import plan_path
from workers import app
from workers.evaluation.engines import choose_engine, why_not_native
from workers.settings import WorkerSettings

SETTINGS = WorkerSettings(plans=[plan_path("digits", 128)], redis_url="redis://127.0.0.1:1/0")


class ReachedRedisError(Exception):
    pass


@pytest.fixture(autouse=True)
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(_: object) -> None:
        raise ReachedRedisError

    monkeypatch.setattr(app, "connect_redis", connect)


def test_one_predicted_to_exceed_the_time_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "plan_ms", lambda *_: 121_000.0)
    with pytest.raises(
        PlanError, match=r"predicted to take 121 s, and is ended after 120 s .--time-limit.; .*fewer --frames"
    ):
        app.run_worker(SETTINGS)


def test_one_near_the_time_limit_is_served_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "plan_ms", lambda *_: 100_000.0)
    with capture_logs() as logs, pytest.raises(ReachedRedisError):
        app.run_worker(SETTINGS)
    assert [(entry["predicted_s"], entry["limit_s"]) for entry in logs if entry["log_level"] == "warning"] == [
        (100, 120)
    ]


@pytest.mark.parametrize(
    ("engine", "message"),
    [("pyfhel", r"take 2000000\.0 GB in 2 processes"), ("native", r"take 1000000\.0 GB, and this machine")],
)
def test_weights_beyond_the_memory_are_refused_which_native_processes_hold_together(
    monkeypatch: pytest.MonkeyPatch, engine: EngineName, message: str
) -> None:
    if engine == "native" and why_not_native():
        pytest.skip("the extension isn't installed")
    monkeypatch.setattr("common.plan.predictions.weight_bytes", lambda _: 10**15)
    with pytest.raises(PlanError, match=message):
        app.run_worker(SETTINGS.model_copy(update={"concurrency": 2, "engine": engine}))


def test_what_a_plan_costs_is_logged() -> None:
    with capture_logs() as logs, pytest.raises(ReachedRedisError):
        app.run_worker(SETTINGS)
    (serving,) = [entry for entry in logs if entry["event"] == "serving"]
    assert serving["frames_per_ciphertext"] == 1
    assert serving["predicted_ms"] > 0
    assert serving["weights_mb"] > 0


def test_a_plan_that_someone_forgot_to_seal_is_refused(tmp_path: Path) -> None:
    plan = load_plan(plan_path("digits", 128))
    Plan(msgspec.structs.replace(plan.head, for_sealing=True), plan.stages).save(tmp_path / "digits-128-unsealed.plan")
    with pytest.raises(PlanError, match="its weights are in plain: run blindsight model seal"):
        app.run_worker(SETTINGS.model_copy(update={"plans": [tmp_path / "digits-128-unsealed.plan"]}))


def test_a_plan_whose_keys_redis_could_not_hold_is_refused(tmp_path: Path) -> None:
    plan = load_plan(plan_path("digits", 128))
    rotations = dict.fromkeys(range(1, 1000), 2) | plan.head.rotations
    Plan(msgspec.structs.replace(plan.head, rotations=rotations), plan.stages).save(tmp_path / "many.plan")
    with pytest.raises(
        KeySetError, match=r"keys of plan .* of digits take [\d,]+ bytes, and Redis holds no value above 536"
    ):
        app.run_worker(SETTINGS.model_copy(update={"plans": [tmp_path / "many.plan"]}))


@pytest.mark.parametrize("engine", [None, "pyfhel"])
def test_the_first_line_of_the_log_tells_what_evaluates(engine: str | None) -> None:
    with capture_logs() as logs, pytest.raises(ReachedRedisError):
        app.run_worker(SETTINGS.model_copy(update={"engine": engine}))
    first = next(entry for entry in logs if entry["log_level"] == "info")
    assert first["event"] == "evaluating"
    assert first["engine"] == choose_engine(engine)
    assert ("path" in first) == (first["engine"] == "native")
