"""A device's metrics are its own, however many devices a process runs."""

from pathlib import Path

from prometheus_client import generate_latest

from edge.metrics import DeviceMetrics, OutboxMetrics
from edge.outbox.outbox import Outbox
from tests.unit.edge.entries import add


def test_two_devices_count_apart(tmp_path: Path) -> None:
    scraped: list[list[str]] = []
    for number in (1, 2):
        metrics, outbox = DeviceMetrics(), Outbox(tmp_path / f"{number}.sqlite", 10**9)
        metrics.registry.register(OutboxMetrics(outbox))
        for _ in range(number):
            metrics.connected()
            add(outbox)
        scraped.append(generate_latest(metrics.registry).decode().splitlines())
        outbox.close()
    for number, lines in enumerate(scraped, start=1):
        assert f"blindsight_mqtt_connections_total {number}.0" in lines
        assert f"blindsight_frames_accepted_total {number}.0" in lines
        assert sum(line.startswith("blindsight_frames_accepted_total") for line in lines) == 1
