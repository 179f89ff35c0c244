"""What the loops of device, console and bridge have in common: their turns, and what becomes of a message."""

from collections.abc import Callable
from typing import Any

from common.errors import WireError
from common.logs import get_logger
from common.quoting import shown
from common.service.health import Pulse
from common.service.repeated import RepeatedLines
from common.wire import topics
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage

log = get_logger(__name__)


class ServiceLoop:
    """The loop of a service. `pulse` is its check of health, and `lines` keeps its log short about others' messages.

    Only `say` and `lines` may be used in other threads than the loop's own.
    """

    def __init__(self, connection: MqttConnection) -> None:
        self._connection, self._connections = connection, 0
        self.pulse, self.lines = Pulse(), RepeatedLines()

    def turn(self) -> bool:
        """Begin a turn of the loop, and say whether the connection is a new one since the turn before.

        To be called every few seconds. Raises the `BrokerError` that ended the connection for good.
        """
        self.pulse.beat()
        self._connection.check()
        self.lines.tick()
        before, self._connections = self._connections, self._connection.connections
        return self._connections > before

    def take(self, message: IncomingMessage, handle: Callable[[IncomingMessage], None]) -> bool:
        """Handle a message and acknowledge it. False if `handle` raised `WireError`: then it is ignored and logged.

        Raises any other error of `handle`, without an acknowledgement.
        """
        handled = True
        try:
            handle(message)
        except WireError as error:
            handled = False
            self.say(log.warning, "ignored a message", message, reason=shown(error))
        self._connection.acknowledge(message)
        return handled

    def say(self, write: Callable[..., Any], event: str, message: IncomingMessage, **details: object) -> None:
        """Log by `write` what is wrong with a message; the broker holds devices to topics with their own id."""
        try:
            device, kind = topics.parse_any(message.topic)
        except WireError:
            device = kind = ""
        self.lines.say(write, event, device, kind, topic=shown(message.topic), **details)
