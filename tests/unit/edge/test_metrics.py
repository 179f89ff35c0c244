"""A device's metrics are its own, however many devices a process runs."""

from pathlib import Path

from prometheus_client import generate_latest

from edge.camera.pulse import CameraPulse
from edge.metrics import CameraMetrics, DeviceMetrics, OutboxMetrics
from edge.outbox.outbox import Outbox
from tests.unit.edge.camera.test_pulse import Camera
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


def test_the_camera_is_counted() -> None:
    camera, metrics = Camera(), DeviceMetrics()
    camera.reconnects, pulse = 3, CameraPulse(camera)
    metrics.registry.register(CameraMetrics(pulse))
    assert "blindsight_last_picture_timestamp_seconds 0.0" in generate_latest(metrics.registry).decode()
    next(pulse.shots())
    pulse.unfit += 1
    lines = generate_latest(metrics.registry).decode().splitlines()
    for line in ("pictures_total 1.0", "pictures_skipped_total 1.0", "camera_reconnects_total 3.0"):
        assert f"blindsight_{line}" in lines
    assert any(each.startswith("blindsight_last_picture_timestamp_seconds 1.") for each in lines)
