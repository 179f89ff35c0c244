"""What Kombu takes from Redis as a task: only turns of ours.

Kombu trusts what it finds in a queue. One value that isn't JSON, or not its own, would end the worker, and so would
a queue of another type.
"""

import base64
import json
import re
from queue import Empty
from typing import Any

from kombu.transport import redis
from redis import ResponseError

from common.fleet.junk import discard_wrong, thrown_away
from common.fleet.tasks import EVALUATE
from workers import unacknowledged

_ID = re.compile(r"[0-9A-Za-z-]{1,64}")

_Kombu: Any = redis  # it has no types
_Transport, _Channel = _Kombu.Transport, _Kombu.Channel
_deliver = _Transport._deliver
_brpop_read, _size = _Channel._brpop_read, _Channel._size


def mend_kombu() -> None:
    """Let Kombu bear whatever is in Redis, and free the place of each task that is done."""
    _Channel.QoS = unacknowledged.Unacknowledged
    _Channel._brpop_read, _Channel._size = _take, _length
    _Transport._deliver = _deliver_turn
    _Kombu.loads = read


def read(text: str) -> Any:
    """A turn as it is queued, or as it is unacknowledged, with its exchange and queue; None for anything else."""
    try:
        value = json.loads(text)
        message, exchange, queue = value if isinstance(value, list) else (value, "", "")
        return value if exchange == "" and isinstance(queue, str) and _is_turn(message) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _is_turn(message: Any) -> bool:
    """Whether Celery can take it as a turn. May raise."""
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
        thrown_away("a task that isn't ours", queue=queue[:100])
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
    """Whether one of these queues was of another type than Kombu's, and is gone now."""
    names = [channel._q_for_pri(queue, step) for queue in queues for step in channel.priority_steps]
    with channel.conn_or_acquire() as client:
        return discard_wrong(client, dict.fromkeys(names, "list"))
