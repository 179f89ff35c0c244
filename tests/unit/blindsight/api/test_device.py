"""A device without any broker: what it keeps, what it refuses, and what it says of a wrong parameter."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import blindsight as bs
from blindsight.demo.servers import free_ports
from edge.outbox.outbox import Outbox

Frames = NDArray[np.uint8]


@pytest.fixture
def make(plan: bs.Plan, keys: bs.KeySet, tmp_path: Path) -> Callable[..., bs.Device]:
    keys.save(tmp_path / "keys")
    broker = f"mqtt://127.0.0.1:{free_ports(1)[0]}"
    return lambda **options: bs.Device(
        "cam-1", **{"plan": plan, "broker": broker, "state": tmp_path / "state", "keys": tmp_path / "keys", **options}
    )


def test_a_frame_is_on_disk_once_submit_returns(make: Callable[..., bs.Device], frames: Frames, tmp_path: Path) -> None:
    with make() as device:
        job = device.submit(frames[0], source="door")
        outbox = Outbox(tmp_path / "state" / "outbox.sqlite", 10**9)  # as another process would open it
        (entry,) = outbox.due(0, 10)
        outbox.close()
        assert (entry.job, entry.frames[0].source) == (job, "door")
        assert device.health == ["the MQTT broker isn't connected"]
    assert device.counts.pending == 1


def test_a_full_outbox_is_an_error_of_submit(make: Callable[..., bs.Device], frames: Frames) -> None:
    with make(outbox_mb=1) as device:
        for _ in range(3):
            device.submit(frames[0])
        with pytest.raises(bs.OutboxFullError):
            device.submit(frames[0])
        assert device.counts.accepted == 3


def test_the_latest_policy_replaces_what_was_not_sent(make: Callable[..., bs.Device], frames: Frames) -> None:
    with make(policy="latest") as device:
        for number in range(3):
            device.submit(frames[number])
        assert (device.counts.pending, device.counts.dropped) == (1, 2)


def test_a_closed_device_takes_nothing(make: Callable[..., bs.Device], frames: Frames) -> None:
    device = make()
    device.close()
    for call in (lambda: device.submit(frames[0]), device.wait):
        with pytest.raises(bs.BlindsightError, match="is closed"):
            call()


def test_the_program_s_own_error_leaves_the_device_closed(make: Callable[..., bs.Device]) -> None:
    with pytest.raises(ZeroDivisionError), make() as device:
        raise ZeroDivisionError
    assert device.health == ["the device has stopped"]


class Broken(bs.Camera):
    def shots(self) -> Iterator[bs.Shot]:
        raise OSError("the lens fell off")

    def close(self) -> None:
        pass


def test_a_camera_that_raises_anything_is_said_to_have(make: Callable[..., bs.Device]) -> None:
    device = make(camera=Broken())
    with pytest.raises(bs.CallbackError, match="the camera raised OSError: the lens fell off") as caught:
        device.wait()
    with pytest.raises(bs.CallbackError):
        device.close()
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retry_after": -1}, r"retry_after: .* greater than 0 \(got -1\)"),
        ({"outbox_mb": 0}, "outbox_mb: "),
        ({"policy": "newest"}, "policy: "),
        ({"motion": 3.0}, "motion is for a camera"),
        ({"custody": "site"}, "holds a secret key, and custody is 'site'"),
        ({"password_file": "/nowhere/password"}, "password_file is /nowhere/password, which doesn't exist"),
        ({"broker": "redis://127.0.0.1"}, "broker is no MQTT broker's URL"),
        ({"broker": "mqtt://user:hunter2@[::"}, "broker can't be read as a URL"),
        ({"broker": "mqtt://user:hunter2@host:99999"}, "broker can't be read as a URL"),
        ({"broker": "mqtts://user:hunter2@host"}, "give ca=FILE"),
        ({"broker": "mqtt://user:hunter2@host", "ca": "ca.crt"}, "write mqtts://"),
        ({"broker": None}, "broker is no MQTT broker's URL"),
        ({"broker": "mqtt://user:hunter2@host:0"}, r"mqtt_port: .* greater than or equal to 1 \(got 0\)"),
        ({"passphrase": ""}, "passphrase is empty"),
        ({"passphrase": 4711}, "passphrase: "),
    ],
)
def test_a_parameter_that_can_not_be_is_named(
    make: Callable[..., bs.Device], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(bs.BlindsightError, match=message) as caught:
        make(**options)
    for secret in ("hunter2", "4711"):
        assert secret not in str(caught.value)


def test_the_environment_has_no_say(make: Callable[..., bs.Device], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSIGHT_OUTBOX_MB", "0")
    monkeypatch.setenv("BLINDSIGHT_MQTT_HOST", "elsewhere")
    with make() as device:
        assert "127.0.0.1" in repr(device)


def test_a_console_needs_plans(keys: bs.KeySet, tmp_path: Path) -> None:
    keys.save(tmp_path / "keys")
    with pytest.raises(bs.ConfigurationError, match="plans is empty"):
        bs.Console(keys=tmp_path / "keys", plans=[], broker="mqtt://127.0.0.1", state=tmp_path / "console")
