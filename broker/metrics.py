"""The metrics of a bridge: what it counts, and what it reads about the fleet in Redis."""

from collections.abc import Iterator

import redis
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common.fleet.junk import count_junk
from common.fleet.redis_keys import queue_of
from common.fleet.registry import Registry
from common.fleet.waiting import WaitingBursts

REGISTRY = CollectorRegistry()
QUEUED = Counter("blindsight_frames_queued", "Frames handed to the fleet.", registry=REGISTRY)
REFUSED = Counter("blindsight_refused", "Bursts refused.", ["reason"], registry=REGISTRY)
KEY_UPLOADS = Counter("blindsight_key_uploads", "Uploads of evaluation keys that ended.", ["result"], registry=REGISTRY)
for _reason in ("malformed", "corrupted", "unknown-plan", "busy", "failed"):  # a series that begins with 1 has no rate
    REFUSED.labels(_reason)
for _result in ("complete", "failed"):
    KEY_UPLOADS.labels(_result)
GIVEN_UP = Counter("blindsight_given_up", "Messages that couldn't be handled, and were refused.", registry=REGISTRY)
CLEARED = Counter(
    "blindsight_retained_cleared", "Messages that the broker kept and must not, by kind.", ["kind"], registry=REGISTRY
)
for _kind in ("frames", "keys", "errors", "status"):
    CLEARED.labels(_kind)  # likewise
DROPPED = Counter("blindsight_dropped_messages", "Messages of devices that had too many waiting.", registry=REGISTRY)
CONNECTIONS = Counter("blindsight_mqtt_connections", "Times that the MQTT broker was reached.", registry=REGISTRY)
JUNK = Counter("blindsight_junk", "Values in Redis that weren't ours, and were thrown away.", registry=REGISTRY)
count_junk(JUNK.inc)


class FleetMetrics(Collector):
    """Queues and workers, read from Redis at each scrape; no metric at all while Redis doesn't answer."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis, self._waiting, self._registry = client, WaitingBursts(client), Registry(client)

    def collect(self) -> Iterator[Metric]:
        """The metrics of all bridges and workers together. Plans are those that workers serve, so there are few."""
        try:
            depth, workers = self._waiting.depth(), self._registry.workers()
            plans = sorted({plan for worker in workers for plan in worker.models})
            lengths = [self._redis.llen(queue_of(plan)) for plan in plans]
        except redis.RedisError:
            return
        yield GaugeMetricFamily("blindsight_queue_bursts", "Bursts that wait or are in work.", depth.bursts)
        yield GaugeMetricFamily("blindsight_queue_bytes", "Their bytes.", depth.bytes)
        yield CounterMetricFamily("blindsight_queue_drained", "Bursts that left the queue.", max(depth.drained, 0))
        yield GaugeMetricFamily("blindsight_workers", "Workers that announce themselves.", len(workers))
        queues = GaugeMetricFamily("blindsight_plan_queue_bursts", "Bursts that no worker took yet.", labels=["plan"])
        for plan, length in zip(plans, lengths, strict=True):
            queues.add_metric([plan[:12]], length)
        yield queues

    def describe(self) -> list[Metric]:
        """Nothing: without this the registry would call `collect`, and so ask Redis, when it is registered."""
        return []
