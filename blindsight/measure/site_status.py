"""What a site's devices, workers and queues are doing, asked from its broker and its Redis."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import redis

from common.errors import WireError
from common.fleet.redis_keys import keys_key, queue_of
from common.fleet.registry import Registry, WorkerEntry
from common.fleet.storage import connect_redis
from common.fleet.waiting import WaitingBursts, shares
from common.service.settings import RedisSettings
from common.wire import topics
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from common.wire.messages import ErrorReply, decode
from common.wire.status import Status, decode_status
from common.wire.topics import CONSOLE_USER

#: Seconds without the status of a new device after which all are taken to be there. Retained messages come right after
#: the subscription, and MQTT has no sign for the last of them.
_QUIET_SECONDS = 0.5
#: Seconds after which the devices' statuses are waited for no longer.
_MOST_SECONDS = 20.0
#: Devices whose queues and key sets are looked at, at most.
_MOST_DEVICES = 5000
#: Seconds between two looks at what has come.
_STEP_SECONDS = 0.05


class Queues(msgspec.Struct, frozen=True):
    """Bursts that wait or are in work, their bytes, those that left so far, and those not yet taken, by plan."""

    bursts: int
    bytes: int
    drained: int
    plans: dict[str, int]


class Snapshot(msgspec.Struct, frozen=True):
    """A site at a moment (epoch, s); `queues` is None where Redis didn't answer, and `problems` says what didn't."""

    at: float
    devices: dict[str, Status]
    workers: list[WorkerEntry]
    queues: Queues | None
    problems: list[str]


class SiteStatus:
    """Collects the devices' retained status messages, and reads the rest when asked."""

    def __init__(self, settings: RedisSettings, on_refusal: Callable[[str, ErrorReply], None] | None = None) -> None:
        self._settings, self._on_refusal = settings, on_refusal
        self._redis = connect_redis(settings)
        self._devices: dict[str, Status] = {}
        self._heard: set[str] = set()  # the ids of all that published a status, readable or not
        self._grown_at = time.monotonic()
        self._all = True
        self.mqtt = MqttConnection(
            settings,
            f"status-{socket.gethostname()}-{os.getpid()}",
            on_message=self._take,
            observed=(topics.status("+"), *(() if on_refusal is None else (topics.errors("+", "+"),))),
        )

    def wait_for_all(self, stopping: threading.Event) -> None:
        """Wait until the broker has sent the status of every device, if it can be reached, or for `stopping`."""
        end = time.monotonic() + _MOST_SECONDS
        while self.mqtt.connected and not stopping.wait(_STEP_SECONDS):
            now = time.monotonic()
            if self.mqtt.subscribed and now - self._grown_at > _QUIET_SECONDS:
                return
            if now > end:
                self._all = False
                return

    def snapshot(self) -> Snapshot:
        """The site now."""
        problems = []
        if not self.mqtt.connected:
            where = f"{self._settings.mqtt_host}:{self._settings.mqtt_port}"
            problems.append(f"no MQTT broker at {where}, so devices aren't known; give --mqtt-host and --mqtt-port")
        elif not self._all:
            problems.append(
                f"the broker still sends devices after {_MOST_SECONDS:g} s, so some may be missing; try again"
            )
        workers: list[WorkerEntry] = []
        queues = None
        try:
            workers = Registry(self._redis).workers()
            queues = self._queues(workers)
        except redis.RedisError:
            problems.append(
                f"no Redis at {self._settings.redis_address()}, so workers and queues aren't known; give --redis-url"
            )
        return Snapshot(time.time(), dict(sorted(self._devices.copy().items())), workers, queues, problems)

    def statuses(self) -> dict[str, Status]:
        """The devices' last statuses; from any thread."""
        return self._devices.copy()

    def shares(self) -> dict[str, int]:
        """The bursts of each device that wait or are in work. Raises `redis.RedisError`."""
        return shares(self._redis, _MOST_DEVICES)

    def key_sets(self) -> int:
        """How many of the devices' key sets have their evaluation keys in Redis. Raises `redis.RedisError`."""
        told = [(name, status.key_set) for name, status in list(self._devices.items())[:_MOST_DEVICES]]
        keys = {keys_key(owner, key_set) for name, key_set in told for owner in (name, CONSOLE_USER)}
        return int(self._redis.exists(*keys)) if keys else 0

    def _queues(self, workers: list[WorkerEntry]) -> Queues:
        depth = WaitingBursts(self._redis).depth()
        models = {plan: model for worker in workers for plan, model in worker.models.items()}
        lengths = {f"{model} {plan[:12]}": self._redis.llen(queue_of(plan)) for plan, model in models.items()}
        return Queues(depth.bursts, depth.bytes, depth.drained, lengths)

    def _take(self, message: IncomingMessage) -> None:
        device, kind = topics.parse_any(message.topic)
        if kind == "errors":
            self._take_refusal(device, message)
            return
        if device not in self._heard:
            self._heard.add(device)
            self._grown_at = time.monotonic()
        try:
            self._devices[device] = decode_status(message.payload)
        except WireError:  # of a device that isn't ours, or of another version
            self._devices.pop(device, None)

    def _take_refusal(self, device: str, message: IncomingMessage) -> None:
        with contextlib.suppress(WireError):
            if self._on_refusal is not None:
                self._on_refusal(device, decode(message.payload, ErrorReply))


@contextmanager
def watch_site(
    settings: RedisSettings, on_refusal: Callable[[str, ErrorReply], None] | None = None
) -> Iterator[SiteStatus]:
    """A site's status; `on_refusal` is told, in paho's thread, of bursts that get no label.

    Raises `BrokerError` when the broker or Redis refuses us.
    """
    site = SiteStatus(settings, on_refusal)
    site.mqtt.connect()
    try:
        yield site
    finally:
        site.mqtt.close()
