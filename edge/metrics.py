"""What a device counts. Its outbox counts most of it, also over restarts."""

from collections.abc import Iterator, Sequence
from typing import get_args

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common.publishing.metrics import ForwardMetrics
from common.service.metrics import stage_seconds
from common.wire import messages
from edge import clock
from edge.camera.pulse import CameraPulse
from edge.labels.results import Result
from edge.outbox.entries import Pending
from edge.outbox.outbox import Outbox

#: The count 0 for each reason to park: Prometheus then sees a dead letter as a rise, and not as a new series.
_NONE_PARKED = {reason: 0 for reason in get_args(messages.Reason) if reason not in messages.RETRIED}


class DeviceMetrics:
    """What one device counts, in a registry of its own: a process may run several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._published = self._counter("blindsight_frames_published", "Frames sent for the first time.")
        self._retried = self._counter("blindsight_frames_retried", "Frames sent again.")
        self._refused = self._counter("blindsight_refused", "Error replies to bursts.", "reason")
        self._connections = self._counter("blindsight_mqtt_connections", "Times that the MQTT broker was reached.")
        self._stages = stage_seconds(self.registry)
        self.forwarding = ForwardMetrics(self.registry)

    def sent(self, pending: Pending) -> None:
        """A burst goes out, for the first time or again."""
        (self._retried if pending.attempts else self._published).inc(len(pending.frames))

    def refused(self, reason: str) -> None:
        """An error reply came to a burst."""
        self._refused.labels(reason).inc()

    def connected(self) -> None:
        """The MQTT broker was reached."""
        self._connections.inc()

    def answered(self, results: Sequence[Result]) -> None:
        """Frames were answered; differences between two clocks may be negative, and are none then."""
        for result in results:
            for stage, ms in {**result.stages_ms, "total": result.latency_ms}.items():
                self._stages.labels(stage).observe(max(ms, 0) / 1000)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)


class OutboxMetrics(Collector):
    """What the outbox holds, and what it has held so far; it is read at each scrape."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def collect(self) -> Iterator[Metric]:
        """The totals and the present contents."""
        counts = self._outbox.counts()
        yield CounterMetricFamily("blindsight_frames_accepted", "Frames in the outbox so far.", counts.accepted)
        yield CounterMetricFamily("blindsight_frames_answered", "Frames whose label took effect.", counts.answered)
        yield CounterMetricFamily("blindsight_frames_dropped", "Frames replaced by newer ones.", counts.dropped)
        yield CounterMetricFamily("blindsight_alarms", "Known answers that got another label.", counts.alarms)
        yield GaugeMetricFamily("blindsight_outbox_pending", "Frames that wait for a label.", counts.pending)
        yield GaugeMetricFamily("blindsight_outbox_bytes", "Bytes that count towards --outbox-mb.", counts.bytes)
        oldest = self._outbox.oldest_captured_at()
        age = 0.0 if oldest is None else max(clock.now() - oldest, 0)
        yield GaugeMetricFamily("blindsight_outbox_oldest_seconds", "Age of the oldest frame without a label.", age)
        parked = GaugeMetricFamily("blindsight_frames_parked", "Dead letters, by reason.", labels=["reason"])
        for reason, frames in {**_NONE_PARKED, **self._outbox.parked_by_reason()}.items():
            parked.add_metric([reason], frames)
        yield parked

    def describe(self) -> list[Metric]:
        """Nothing: to ask the outbox at registration would need it."""
        return []


class CameraMetrics(Collector):
    """What the camera has given since the device started; it is read at each scrape."""

    def __init__(self, pulse: CameraPulse) -> None:
        self._pulse = pulse

    def collect(self) -> Iterator[Metric]:
        """The totals, and when the last picture came."""
        pulse = self._pulse
        yield CounterMetricFamily("blindsight_pictures", "Pictures that the camera gave.", pulse.pictures)
        skipped = "Pictures that couldn't be read, or didn't fit."
        yield CounterMetricFamily("blindsight_pictures_skipped", skipped, pulse.skipped)
        again = "Times that the camera failed and was tried again."
        yield CounterMetricFamily("blindsight_camera_reconnects", again, pulse.reconnects)
        last = "When the camera gave its last picture, in seconds since 1970; 0 before the first one."
        yield GaugeMetricFamily("blindsight_last_picture_timestamp_seconds", last, pulse.last_at or 0.0)
