"""`blindsight worker`: a Celery worker whose processes each hold a `Processor`.

Each process evaluates one burst at a time, so that a burst which crashes its process, or takes too long, ends no other.
The parent prepares the plans, unless they are Pyfhel's, whose memory doesn't survive a fork: so the weights are in
memory once, and a process that was ended is replaced at once. A process makes its processor, which has connections,
after the fork.
"""

import logging
import os
import socket
import time
import uuid
from collections.abc import Iterable
from contextlib import ExitStack, closing
from typing import Any

import redis
from billiard.process import current_process
from celery import Celery, signals
from celery.exceptions import Reject
from prometheus_client import CollectorRegistry

from common.errors import BlindsightError, PlanError
from common.fleet.redis_keys import queue_of
from common.fleet.registry import Burst, WorkerEntry
from common.fleet.storage import connect_redis
from common.fleet.tasks import EVALUATE, celery_queue, make_celery, turn_message
from common.keys.evaluation_keys import check_storable, uploaded_size
from common.keys.key_needs import needs_of
from common.logs import get_logger
from common.plan.costs import load_costs
from common.plan.plan import Plan, PlanHead
from common.plan.predictions import check_memory, least_upload_bytes, plan_ms, upload_bytes, weight_bytes
from common.plan.sealed import load_served, structure_of
from common.service.health import Health, Progress, answers
from common.service.metrics import of_children, watched
from common.wire.connection import MqttConnection
from common.wire.messages import Task
from workers import metrics
from workers.announcement import Announcement
from workers.evaluation.engines import choose_engine, open_engine
from workers.intake import mend_kombu
from workers.keys.room import check_key_room
from workers.pool_health import PoolHealth
from workers.preparation import Evaluation, prepare, prepare_to_fork, with_engine
from workers.processor import Processor
from workers.settings import WorkerSettings
from workers.stopping import handing_back, stop_with

#: Seconds within which a process has to be ready after the fork.
_START_TIMEOUT = 60.0
#: Seconds after which a task whose answer couldn't be given goes back to its queue.
_RETRY_SECONDS = 2
#: Seconds for which frames may wait beside an idle process.
_IDLE_SECONDS = 60.0

log = get_logger(__name__)
#: The processor of this process; None in the parent.
_processor: Processor | None = None


def run_worker(settings: WorkerSettings) -> None:
    """Serve tasks until SIGTERM or Ctrl-C, then finish the frames in work, or hand them back.

    Before it serves it raises `PlanError` for a plan that can't be used, `KeySetError` for one whose evaluation keys
    Redis can't hold, `BrokerError` when the broker or Redis refuses us, and `ConfigurationError` for a setting that
    can't be used. It ends with the `SystemExit` of Celery.
    """
    settings = with_engine(settings)
    heads = _check_plans_and_servers(settings)
    models = {head.hash: head.model for head in heads}
    bursts = {
        head.hash: Burst(
            upload_bytes(head), head.frames_per_ciphertext, upload_bytes(head, seeded=True), least_upload_bytes(head)
        )
        for head in heads
    }
    name = f"{socket.gethostname()}-{os.getpid()}"
    entry = WorkerEntry(name, models, settings.concurrency, time.time(), bursts=bursts)
    evaluation = prepare_to_fork(settings)
    mend_kombu()
    app = make_celery(settings.redis_dsn(), settings.time_limit)
    app.conf.update(worker_proc_alive_timeout=_START_TIMEOUT, task_queues=[celery_queue(plan) for plan in models])
    pool = PoolHealth(settings.concurrency, settings.time_limit)
    _register(app, settings, name, pool, evaluation)
    with ExitStack() as stack:
        monitor = stack.enter_context(closing(connect_redis(settings)))
        health = _health(pool, monitor, models)
        stack.enter_context(watched(settings, health, of_children(CollectorRegistry())))
        announcement = Announcement(monitor, entry, settings.time_limit, [needs_of(head) for head in heads])
        stop_with(announcement, settings.stop_timeout)
        stack.enter_context(announcement)
        app.worker_main(
            [
                "--quiet",  # no banner between the log's lines
                "worker",
                "--pool=prefork",
                f"--concurrency={settings.concurrency}",
                f"--queues={','.join(map(queue_of, models))}",
                f"--loglevel={settings.log_level}",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
                f"--hostname=blindsight-{os.getpid()}@%h",
            ]
        )


def _health(pool: PoolHealth, client: "redis.Redis", plans: Iterable[str]) -> Health:
    def waits() -> bool:
        return pool.idle() and any(client.llen(queue_of(plan)) for plan in plans)

    moves = Progress("frames wait, and an idle process took none", waits, pool.last_task_at, _IDLE_SECONDS)
    return Health(pool.check, answers("Redis", client.ping), moves)


def _check_plans_and_servers(settings: WorkerSettings) -> list[PlanHead]:
    """The head of each plan. What can't work fails here, with a clear message, rather than in a forked process.

    Raises `PlanError`, `KeySetError`, `BrokerError` and `ConfigurationError`.
    """
    heads: dict[str, PlanHead] = {}
    for path in settings.plans:
        plan = structure_of(load_served(path))
        head = plan.head
        if head.for_sealing and head.sealed_for is None:
            raise PlanError(
                f"{path} was compiled to be sealed, and its weights are in plain: run blindsight model seal, and give "
                "this worker the sealed plan; or compile the model without --sealed"
            )
        if head.sealed_for is None:
            # The cache of sealed weights is bounded instead.
            check_memory(plan, 1 if open_engine(settings.engine).forks else settings.concurrency)
        predicted_ms = _check_time(plan, settings)
        check_storable(uploaded_size(head), f"plan {head.hash[:12]} of {head.model}", plan.chained)
        heads[head.hash] = head
        log.info(
            "serving",
            model=head.model,
            plan=head.hash[:12],
            security_bits=head.parameters.security_bits,
            frames_per_ciphertext=head.frames_per_ciphertext,
            sealed_for=head.sealed_for and head.sealed_for[:12],
            predicted_ms=round(predicted_ms),
            weights_mb=round(weight_bytes(plan) / 1e6),
        )
    with (
        closing(connect_redis(settings)) as store,
        closing(MqttConnection(settings, f"worker-check-{os.getpid()}")) as mqtt,
    ):
        mqtt.connect()
        check_key_room(store, heads.values(), open_engine(settings.engine), settings.key_cache_mb * 1_000_000)
    return list(heads.values())


def _check_time(plan: Plan, settings: WorkerSettings) -> float:
    """The predicted time of an evaluation, in ms. Raises `PlanError` when it exceeds the time limit, in seconds."""
    time_limit, engine = settings.time_limit, choose_engine(settings.engine)
    seconds = plan_ms(plan, load_costs(engine)) / 1000
    what = f"plan {plan.head.hash[:12]}, for {plan.head.frames_per_ciphertext} frames in a ciphertext"
    if seconds > time_limit:
        raise PlanError(
            f"an evaluation of {what}, is predicted to take {seconds:.0f} s, and is ended after {time_limit} s "
            "(--time-limit); compile it with fewer --frames-per-ciphertext. If this machine is faster than predicted, "
            "run: blindsight calibrate"
        )
    if seconds > time_limit / 2:
        log.warning(
            f"an evaluation of {what}, may reach the time limit", predicted_s=round(seconds), limit_s=time_limit
        )
    return seconds * 1000


def _register(
    app: Celery, settings: WorkerSettings, name: str, pool: PoolHealth, evaluation: Evaluation | None
) -> None:
    def processor() -> Processor:
        global _processor
        if _processor is None:
            _processor = Processor(settings, name, evaluation or prepare(settings))
            pool.ready(current_process().index)
        return _processor

    # Celery sets the logs up unless this signal has a receiver. They are set up already (blindsight.command_line.logs).
    signals.setup_logging.connect(lambda **_: None, weak=False)
    # What Celery says of each task, our own lines say by the frame's device and job. A task that fails is still logged.
    for logger in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(logger).setLevel(logging.WARNING)

    @signals.worker_process_init.connect(weak=False)
    def start(**_: Any) -> None:
        processor()

    @signals.worker_process_shutdown.connect(weak=False)
    def stop(**_: Any) -> None:
        if _processor is not None:
            _processor.close()

    @app.task(name=EVALUATE, bind=True)
    def evaluate(self: Any, plan: str) -> None:
        task: Task | None = None
        try:
            with pool.task(current_process().index):
                task = processor().take(self.request.id, plan, turn_message(app, plan, str(uuid.uuid4())))
                if task is None:
                    log.debug("nothing waits for this turn", plan=plan[:12])
                    return
                processor().handle(task)
                processor().end(self.request.id)
        except (BlindsightError, redis.RedisError) as error:
            log.warning("no answer could be given yet; trying again", error=str(error), **_of(task))
            time.sleep(_RETRY_SECONDS)
            raise Reject(error, requeue=True) from error
        except Exception as error:  # the engine's errors, say; attempts are counted, so this doesn't go on for ever
            metrics.FAILURES.inc()
            log.exception("evaluation failed; trying again", **_of(task))
            raise Reject(error, requeue=True) from error
        except SystemExit:
            if handing_back.value:
                processor().hand_back()
            raise


def _of(task: Task | None) -> dict[str, str]:
    return {} if task is None else {"device": task.device, "job": task.job}
