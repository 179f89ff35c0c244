"""A device closes what it has opened, however it ends, and whatever goes wrong while it starts."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from common.errors import BlindsightError
from common.readings.meters import Meters
from edge.agent import Agent
from edge.camera.cameras import Shot
from edge.camera.capture import Capture
from edge.camera.framing import WholePicture
from edge.camera.gate import Gate
from edge.camera.pulse import CameraPulse
from edge.encryption import FrameCipher
from edge.outbox.outbox import Outbox
from edge.settings import DeviceSettings
from tests.unit.common.wire.tcp_broker import CONNACK, REFUSED, Broker, connack
from tests.unit.console.bench import make_head, make_keys

HEAD = make_head()


class Camera:
    """One that shows nothing until it is closed."""

    def __init__(self) -> None:
        self.skipped = 0
        self.closed = threading.Event()

    def shots(self) -> Iterator[Shot]:
        self.closed.wait()
        yield from ()

    def close(self) -> None:
        self.closed.set()


def make_agent(broker: Broker, folder: Path, camera: Camera, outbox: Outbox, metrics_port: int | None) -> Agent:
    settings = DeviceSettings(
        camera="folder:frames",
        plan=Path("p"),
        state=folder,
        mqtt_port=broker.port,
        mqtt_username="cam-a",
        custody="site",
        metrics_port=metrics_port,
    )
    cipher = FrameCipher(HEAD, make_keys(HEAD, folder / "keys"))
    capture = partial(
        Capture,
        camera,
        Gate(None, None),
        WholePicture(HEAD.frame_shape, False),
        cipher,
        outbox,
        False,
        1.0,
        lambda _: None,
    )
    return Agent(settings, "cam-a", cipher, {}, outbox, capture, None, Meters(), None)


@pytest.mark.parametrize(
    ("first", "metrics_port_is_taken", "error"),
    [
        (REFUSED, False, "the broker refuses user 'cam-a'"),
        (connack(largest_packet=2000), False, "compile the plan with fewer"),
        (CONNACK, True, "metrics can't be served"),
    ],
    ids=["it is refused", "its bursts are too large for the broker", "its port for metrics is taken"],
)
@pytest.mark.slow
def test_a_device_that_cannot_start_leaves_nothing_open(
    tmp_path: Path, outbox: Outbox, first: bytes, metrics_port_is_taken: bool, error: str
) -> None:
    broker = Broker(b"", damaged=10, first=first)
    camera = Camera()
    agent = make_agent(broker, tmp_path, camera, outbox, broker.port if metrics_port_is_taken else None)
    with pytest.raises(BlindsightError, match=error):
        agent.run()
    broker.close()
    assert camera.closed.is_set()
    assert [each.name for each in threading.enumerate() if each.name.startswith(("paho", "camera", "capture"))] == []


def test_a_device_is_not_well_while_its_camera_owes_a_picture(
    tmp_path: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(b"", damaged=10, first=CONNACK)
    agent = make_agent(broker, tmp_path, Camera(), outbox, None)
    overdue = "the camera has given no picture since yesterday"
    assert overdue not in agent.problems()
    monkeypatch.setattr(CameraPulse, "__call__", lambda pulse: overdue)
    assert overdue in agent.problems()
    broker.close()


def _unfit() -> Iterator[Shot]:
    yield Shot(np.zeros((5, 5, 1), np.uint8), "a.png")


def _raising() -> Iterator[Shot]:
    raise KeyError("lens")
    yield


@pytest.mark.parametrize(
    ("shots", "error"),
    [
        (_unfit, "none of the camera's 1 pictures could be used"),
        (_raising, "the camera raised KeyError: 'lens'"),
    ],
)
@pytest.mark.slow
def test_a_camera_of_which_nothing_can_be_used_ends_the_device_with_an_error(
    tmp_path: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, shots: Callable[[], Iterator[Shot]], error: str
) -> None:
    broker, camera = Broker(b"", damaged=10, first=CONNACK), Camera()
    monkeypatch.setattr(camera, "shots", shots)
    agent = make_agent(broker, tmp_path, camera, outbox, None)
    with pytest.raises(BlindsightError, match=error):
        agent.run()
    broker.close()
