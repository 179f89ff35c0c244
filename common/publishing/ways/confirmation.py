"""Messages of MQTT that count as sent once the broker has acknowledged them."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from common.errors import BrokerError
from common.wire.connection import MqttConnection, PublishResult

#: Seconds for the broker's acknowledgements of all messages, at most.
_SECONDS = 30.0


class Message(NamedTuple):
    """A message to be published."""

    topic: str
    payload: bytes
    retain: bool = False


class Confirmation:
    """Publishes messages and waits until the broker has taken them.

    `published` has to be, or be called by, the connection's `on_published`.
    """

    def __init__(self) -> None:
        self._refused: set[int] = set()

    def published(self, result: PublishResult) -> None:
        """In paho's thread, before paho counts a message as published: take the broker's answer to it."""
        if result.refused:
            self._refused.add(result.mid)

    def publish(self, connection: MqttConnection, messages: Sequence[Message], advice: str) -> None:
        """Publish messages, and wait for the broker's acknowledgements.

        Raises `BrokerError`; where the broker's rules refuse one, it names the topic and ends with `advice`.
        """
        if not connection.connected:  # paho would keep each attempt's messages until it is connected
            raise BrokerError("the MQTT broker isn't connected")
        self._refused.clear()
        until = time.monotonic() + _SECONDS
        try:
            infos = [connection.publish(topic, payload, retain=retain) for topic, payload, retain in messages]
            for each in infos:
                each.wait_for_publish(max(until - time.monotonic(), 0.0))
        except (RuntimeError, ValueError) as error:
            raise BrokerError(f"a message couldn't be published: {error}") from error
        if not all(each.is_published() for each in infos):
            raise BrokerError(f"the broker didn't acknowledge a message within {_SECONDS:g} s")
        refused = next((m for m, each in zip(messages, infos, strict=True) if each.mid in self._refused), None)
        if refused is not None:
            raise BrokerError(f"the broker refuses what is published on {refused.topic!r}; {advice}")
