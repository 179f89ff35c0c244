"""The Celery application that bridges and workers share, and the form of its tasks in Redis."""

import base64
import json
from functools import lru_cache
from typing import Any

import kombu
from celery import Celery

from common.fleet.redis_keys import queue_of
from common.fleet.time_limits import TIME_LIMIT, visibility_timeout

_Kombu: Any = kombu  # it has no types
#: The name of the only task.
EVALUATE = "blindsight.evaluate"
#: Seconds after which an answer from Redis is overdue, and the connection is made anew.
_SOCKET_TIMEOUT = 10
#: Seconds without traffic after which Redis's client asks whether the connection still works.
_HEALTH_CHECK_SECONDS = 5
#: Placeholders in a template: for a turn's plan, and for its id. Without a template Kombu would remember every plan
#: for which it makes a message.
_PLAN, _ID = "THE-PLAN-OF-A-TURN", "THE-ID-OF-A-TURN"


def celery_queue(plan_hash: str) -> Any:
    """The queue of a plan for Celery, which reaches it by its name, without Kombu's tables of bindings in Redis."""
    name = queue_of(plan_hash)
    return _Kombu.Queue(name, _Kombu.Exchange(""), routing_key=name)


@lru_cache(maxsize=1)
def _turn_template(app: Celery) -> dict[str, Any]:
    """A turn as Celery and Kombu write it for Redis, with places for its plan and its id."""
    queue = celery_queue(_PLAN)
    with _Kombu.Connection("memory://") as connection, connection.channel() as channel:
        app.send_task(EVALUATE, kwargs={"plan": _PLAN}, task_id=_ID, queue=queue, connection=connection)
        message: dict[str, Any] = channel.basic_get(queue.name, no_ack=True).serializable()
    message["properties"]["delivery_tag"] = _ID  # no two turns may have the same one
    return message


def turn_message(app: Celery, plan: str, turn: str) -> str:
    """A task of Celery's as its queue in Redis holds it: the turn with the id `turn` of the plan with the hash `plan`.

    A script in Redis puts it into the queue, in one step with the burst that it is for.
    """
    template = _turn_template(app)
    body = base64.b64decode(template["body"]).replace(_PLAN.encode(), plan.encode())
    message = json.dumps({**template, "body": base64.b64encode(body).decode()})
    return message.replace(_PLAN, plan).replace(_ID, turn)


def make_celery(redis_url: str, time_limit: int = TIME_LIMIT) -> Celery:
    """A Celery application on this Redis: late acknowledgement, no results, one task at a time.

    `time_limit` is in seconds, and holds for one evaluation.
    """
    app = Celery("blindsight", broker=redis_url)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        # Attempts are counted, so a frame that kills its workers, or hangs in them, doesn't come for ever.
        task_reject_on_worker_lost=True,
        task_acks_on_timeout=False,
        task_time_limit=time_limit,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # None is for ever: all services wait for each other
        broker_channel_error_retry=True,  # a full Redis, or one that still loads, is no reason to end
        broker_transport_options={
            "visibility_timeout": visibility_timeout(time_limit),
            # Seconds between a consumer's looks for tasks that became visible. Kombu's own choice is to look at every
            # tenth occasion only.
            "unacked_restore_interval": min(10, time_limit),
            "unacked_restore_throttle": 1,
            # Celery waits for tasks on a socket without a timeout; the check notices that the other end is gone.
            "health_check_interval": _HEALTH_CHECK_SECONDS,
            "socket_timeout": _SOCKET_TIMEOUT,
            "socket_connect_timeout": _SOCKET_TIMEOUT,
            "socket_keepalive": True,
        },
    )
    return app
