"""Clears the messages that a device had the broker retain and must not; only statuses may stay retained.

Mosquitto can't refuse retained messages topic by topic, and what it retains costs memory and disk until somebody
clears it. So each bridge asks every few seconds for what is retained. It asks by a connection of its own, one message
at a time, so that a broker that is nearly full can still answer. Where nothing is retained, to ask costs next to
nothing. A message on a status's topic that is no status, or is larger than any status, is cleared too.
"""

import contextlib
import threading
import time

from broker import metrics
from common.errors import BrokerError, WireError
from common.logs import get_logger
from common.service.repeated import RepeatedLines
from common.service.settings import ServiceSettings
from common.wire import topics
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from common.wire.status import decode_status

#: Filters of the topics on which nothing may stay retained.
NEVER = tuple(f"{topics.ROOT}/+/{rest}" for rest in ("frames/+", "keys/+/+", "errors/+"))
#: Filters of the topics on which statuses may stay.
STATUSES = (topics.status("+"),)
#: Seconds between two looks at `NEVER`, and at `STATUSES`.
_NEVER_EVERY, _STATUSES_EVERY = 2.0, 10.0

log = get_logger(__name__)


class RetainedMessages:
    """Looks for what must not stay retained, and clears it, in a thread between `start` and `stop`."""

    def __init__(self, settings: ServiceSettings, client_id: str) -> None:
        self._mqtt = MqttConnection(settings, client_id, on_message=self._take, receive_maximum=1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retained", daemon=True)
        #: When the last message came. A look waits until all messages of the look before have come.
        self._message_at = 0.0
        self._cleared = RepeatedLines()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after the look under way."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._mqtt.connect()
            statuses_at = 0.0
            while not self._stopping.wait(_NEVER_EVERY):
                self._mqtt.check()
                self._cleared.tick()
                now = time.monotonic()
                if not self._mqtt.connected or now - self._message_at < _NEVER_EVERY / 2:
                    continue
                self._mqtt.ask_retained(NEVER)
                if now >= statuses_at:
                    statuses_at = now + _STATUSES_EVERY
                    self._mqtt.ask_retained(STATUSES)
        except BrokerError as error:  # which will end the bridge itself, too
            log.error("retained messages aren't looked after any more", reason=str(error))
        finally:
            self._mqtt.close()

    def _take(self, message: IncomingMessage) -> None:
        """In paho's thread: clear what must not stay."""
        self._message_at = time.monotonic()
        if message.retained and message.payload and not _may_stay(message):
            with contextlib.suppress(WireError):  # it is on no topic of ours, so nobody whom we know sent it
                device, kind = topics.parse_any(message.topic)
                self._mqtt.publish(message.topic, b"", retain=True)
                metrics.CLEARED.labels(kind).inc()
                self._cleared.say(log.warning, "cleared what a device had the broker retain", device, kind, kind=kind)
        self._mqtt.acknowledge(message)


def _may_stay(message: IncomingMessage) -> bool:
    if not message.topic.endswith("/status"):
        return False
    try:
        decode_status(message.payload)
    except WireError:
        return False
    return True
