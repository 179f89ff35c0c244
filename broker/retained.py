"""Nothing but statuses stays retained: what else a device had the broker keep is found, cleared, said and counted.

Mosquitto can't refuse retained messages topic by topic, and what it keeps costs memory and disk until somebody
clears it. So each bridge asks for what is retained, every few seconds: by a connection of its own, one message at a
time, so that a broker that is nearly full can still answer. Where there is nothing, asking costs next to nothing. The
same goes for statuses that are none, or larger than any honest one.
"""

import contextlib
import threading
import time

from broker import metrics
from common.errors import BrokerError, WireError
from common.logs import get_logger
from common.service.repeated import RepeatedLines
from common.service.settings import ServiceSettings
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.incoming import Received

#: Where nothing may stay, and where statuses do.
NEVER = tuple(f"{topics.ROOT}/+/{rest}" for rest in ("frames/+", "keys/+/+", "errors/+"))
STATUSES = (topics.status("+"),)
#: Seconds between two looks at each.
_NEVER_EVERY, _STATUSES_EVERY = 2.0, 10.0

log = get_logger(__name__)


class RetainedMessages:
    """Looks after what is retained, in a thread, between `start` and `stop`."""

    def __init__(self, settings: ServiceSettings, client_id: str) -> None:
        self._mqtt = MqttConnection(settings, client_id, on_message=self._take, receive_maximum=1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retained", daemon=True)
        self._heard = 0.0  # when the last message came: the next look waits until all of the one before has come
        self._cleared = RepeatedLines()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
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
                if not self._mqtt.connected or now - self._heard < _NEVER_EVERY / 2:
                    continue
                self._mqtt.ask_retained(NEVER)
                if now >= statuses_at:
                    statuses_at = now + _STATUSES_EVERY
                    self._mqtt.ask_retained(STATUSES)
        except BrokerError as error:  # as the bridge itself will find
            log.error("retained messages aren't looked after any more", reason=str(error))
        finally:
            self._mqtt.close()

    def _take(self, message: Received) -> None:
        """In paho's thread: clear what must not stay."""
        self._heard = time.monotonic()
        if message.retained and message.payload and not _may_stay(message):
            with contextlib.suppress(WireError):  # not one of ours, and so of nobody whom we know
                device, kind = topics.parse_any(message.topic)
                self._mqtt.publish(message.topic, b"", retain=True)
                metrics.CLEARED.labels(kind).inc()
                self._cleared.say(log.warning, "cleared what a device had the broker retain", device, kind, kind=kind)
        self._mqtt.acknowledge(message)


def _may_stay(message: Received) -> bool:
    if not message.topic.endswith("/status"):
        return False
    try:
        messages.decode_status(message.payload)
    except WireError:
        return False
    return True
