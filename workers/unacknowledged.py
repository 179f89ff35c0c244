"""Kombu's record of unacknowledged tasks, with two flaws mended.

An acknowledgement that Redis didn't get is logged and forgotten, but the task keeps its place among
those in work, for ever: a worker that lost a connection at the wrong time would take no task again.
And a record that isn't Kombu's own, in what it says or in its type, would end the worker.
"""

from collections.abc import Callable
from typing import Any

from kombu.transport import redis
from kombu.transport.virtual import base
from redis import ResponseError

from common.fleet.junk import discard_wrong, thrown_away

_Kombu: Any = redis.QoS  # Kombu has no types
_forget: Any = base.QoS.ack


class Unacknowledged(_Kombu):
    """Frees a task's place whether or not Redis hears of it; if not, the task comes again, as after a kill."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """The task is in work. Raises what Redis's client raises."""
        self._mending(super().append, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """The task is done. Raises what Redis's client raises."""
        try:
            self._mending(super().ack, delivery_tag)
        except Exception:
            _forget(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """The task is not done, and to be done again or not. Raises what Redis's client raises."""
        try:
            self._mending(super().reject, delivery_tag, requeue)
        except Exception:
            _forget(self, delivery_tag)
            raise

    def restore_visible(self, *arguments: int, **options: int) -> None:
        """Tasks that nobody acknowledged in time come again. Raises what Redis's client raises."""
        with self.channel.conn_or_acquire() as client:
            if client.ttl(self.unacked_mutex_key) == -1:  # Kombu's own ends
                client.delete(self.unacked_mutex_key)
                thrown_away("a mutex without an end")
        self._mending(super().restore_visible, *arguments, **options)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """A task comes again; what isn't one is forgotten. Raises what Redis's client raises."""
        try:
            super().restore_by_tag(tag, client=client, leftmost=leftmost)
        except TypeError:  # what `workers.intake` takes for no task
            thrown_away("an unacknowledged task that can't be read")
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
