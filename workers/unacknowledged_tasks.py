"""Kombu's record of unacknowledged tasks, with two of its faults mended.

Where Redis doesn't get an acknowledgement, Kombu logs that and goes on, but it counts the task among those in work for
ever. A worker that lost its connection at the wrong time would never take a task again. And a record in Redis that
Kombu didn't write, or that has another type than Kombu's, would end the worker.
"""

from collections.abc import Callable
from typing import Any

from kombu.transport import redis
from kombu.transport.virtual import base
from redis import ResponseError

from common.fleet.junk import discard_wrong, report_junk

_Kombu: Any = redis.QoS  # Kombu has no types
_forget: Any = base.QoS.ack


class UnacknowledgedTasks(_Kombu):
    """The tasks in work. An end of a task frees its place here even where Redis doesn't hear of the end.

    Redis then gives the task to a worker again, as it does when a worker was killed. Every method raises what Redis's
    client raises.
    """

    def append(self, message: Any, delivery_tag: str) -> None:
        """Record that a task is in work."""
        self._mending(super().append, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Record that a task is done."""
        try:
            self._mending(super().ack, delivery_tag)
        except Exception:
            _forget(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Record that a task wasn't done; with `requeue` it goes back to its queue."""
        try:
            self._mending(super().reject, delivery_tag, requeue)
        except Exception:
            _forget(self, delivery_tag)
            raise

    def restore_visible(self, *arguments: int, **options: int) -> None:
        """Put the tasks that nobody acknowledged in time back into their queues."""
        with self.channel.conn_or_acquire() as client:
            if client.ttl(self.unacked_mutex_key) == -1:  # Kombu's own mutex expires, and this one never does
                client.delete(self.unacked_mutex_key)
                report_junk("a mutex without an end")
        self._mending(super().restore_visible, *arguments, **options)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Put a task back into its queue. What can't be read as a task is deleted."""
        try:
            super().restore_by_tag(tag, client=client, leftmost=leftmost)
        except TypeError:  # `workers.intake` read None, which stands for what isn't a task
            report_junk("an unacknowledged task that can't be read")
            self._remove_from_indices(tag).execute()

    def _mending(self, step: Callable[..., None], *arguments: Any, **options: Any) -> None:
        try:
            step(*arguments, **options)
        except ResponseError:
            kinds = {self.unacked_key: "hash", self.unacked_index_key: "zset", self.unacked_mutex_key: "string"}
            with self.channel.conn_or_acquire() as client:
                if not discard_wrong(client, kinds):
                    raise
            step(*arguments, **options)
