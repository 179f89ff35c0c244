"""What Kombu takes from Redis as a task: nothing but turns.

Kombu trusts what it finds in a queue. One value that isn't JSON, or isn't a task of Kombu's, would end the worker, and
so would a queue of another type than a list.
"""

import base64
import json
import re
from queue import Empty
from typing import Any

from kombu.transport import redis
from redis import ResponseError

from common.fleet.junk import discard_wrong, report_junk
from common.fleet.tasks import EVALUATE
from workers import unacknowledged_tasks

#: The form of a turn's id.
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")

_Kombu: Any = redis  # it has no types
_Transport, _Channel = _Kombu.Transport, _Kombu.Channel
_deliver = _Transport._deliver
_brpop_read, _size = _Channel._brpop_read, _Channel._size


def mend_kombu() -> None:
    """Let Kombu bear whatever is in Redis, and free the place of each task that is done. It holds for the process."""
    _Channel.QoS = unacknowledged_tasks.UnacknowledgedTasks
    _Channel._brpop_read, _Channel._size = _take, _length
    _Transport._deliver = _deliver_turn
    _Kombu.loads = read


def read(text: str) -> Any:
    """A turn from its JSON; None for anything else.

    In a queue a turn is an object. Among the unacknowledged tasks it is a list: the object, its exchange and its queue.
    """
    try:
        value = json.loads(text)
        message, exchange, queue = value if isinstance(value, list) else (value, "", "")
        return value if exchange == "" and isinstance(queue, str) and _is_turn(message) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _is_turn(message: Any) -> bool:
    """Whether Celery can take a message as a turn.

    Raises `ValueError`, `TypeError`, `KeyError`, `AttributeError` or `RecursionError` for a message of another shape.
    """
    headers, properties, information = (
        message["headers"],
        message["properties"],
        message["properties"]["delivery_info"],
    )
    positional, named, _ = json.loads(base64.b64decode(message["body"], validate=True))
    return bool(
        headers["task"] == EVALUATE
        and all(_ID.fullmatch(each) for each in (headers["id"], properties["delivery_tag"]))
        and properties["body_encoding"] == "base64"
        and (message["content-type"], message["content-encoding"]) == ("application/json", "utf-8")
        and information["exchange"] == ""
        and isinstance(information["routing_key"], str)
        and all(headers.get(each) is None for each in ("eta", "expires", "shadow", "group", "stamped_headers"))
        and headers.get("timelimit", [None, None]) == [None, None]
        and headers.get("retries", 0) == 0
        and positional == []
        and list(named) == ["plan"]
        and isinstance(named["plan"], str)
    )


def _deliver_turn(transport: Any, message: Any, queue: str) -> None:
    if message is None:
        report_junk("a task that isn't ours", queue=queue[:100])
    else:
        _deliver(transport, message, queue)


def _take(channel: Any, **options: Any) -> Any:
    try:
        return _brpop_read(channel, **options)
    except ResponseError:
        if not _discard(channel, *channel.active_queues):
            raise
        raise Empty from None


def _length(channel: Any, queue: str) -> Any:
    try:
        return _size(channel, queue)
    except ResponseError:
        if not _discard(channel, queue):
            raise
        return 0


def _discard(channel: Any, *queues: str) -> bool:
    """Delete those of these queues that aren't lists; whether there was one."""
    names = [channel._q_for_pri(queue, step) for queue in queues for step in channel.priority_steps]
    with channel.conn_or_acquire() as client:
        return discard_wrong(client, dict.fromkeys(names, "list"))
