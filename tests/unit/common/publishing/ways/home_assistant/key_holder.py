"""A key holder that publishes to Home Assistant what is in its queue."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from prometheus_client import CollectorRegistry

from common.publishing.events import Event
from common.publishing.forwarder import Forwarder
from common.publishing.metrics import ForwardMetrics
from common.publishing.settings import PublishingSettings
from common.publishing.ways.home_assistant import HomeAssistantWay
from common.readings.meters import Meters
from common.readings.spec import Layout, ReadingSpec
from common.service.settings import load_settings
from tests.integration.fleet import wait_for
from tests.unit.common.publishing.queues import LABEL, Queue
from tests.unit.common.publishing.ways.home_assistant.home_broker import HomeBroker

#: A device whose region file has two wheels, of a gas meter, and a lamp.
WHEELS = ReadingSpec("gas", ("d1", "d2"), 0, "m³", 1.0, "gas")
METERS = Meters(by_device={"cam-g": Layout(("d1", "d2", "lamp"), (WHEELS,))})
SEVEN = msgspec.structs.replace(LABEL, label="seven")


def settings(broker: HomeBroker, **more: object) -> PublishingSettings:
    return load_settings(PublishingSettings, None, {"publish_mqtt": broker.url, **more})


@contextmanager
def running(
    queue: Queue, broker: HomeBroker, name: str = "cam-a", meters: Meters = METERS, **more: object
) -> Iterator[HomeAssistantWay]:
    """A key holder that publishes what is in its queue."""
    way = HomeAssistantWay(settings(broker, **more), name, meters, queue.outgoing.announced)
    forwarding = Forwarder(queue.outgoing, way, ForwardMetrics(CollectorRegistry()))
    try:
        yield way
    finally:
        forwarding.close(10)


def publish(queue: Queue, *events: Event) -> None:
    queue.add(*events)
    wait_for("the events at the broker", lambda: queue.outgoing.waiting("mqtt") == 0)
