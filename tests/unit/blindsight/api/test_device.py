"""A device without any broker: what it keeps, what it refuses, and what it says of a wrong parameter."""

import gc
import os
import subprocess
import sys
import threading
import time
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


pytestmark = pytest.mark.slow


@pytest.fixture
def make(plan: bs.Plan, keys: bs.KeySet, tmp_path: Path) -> Callable[..., bs.Device]:
    keys.save(tmp_path / "keys")
    broker = f"mqtt://127.0.0.1:{free_ports(1)[0]}"
    return lambda **options: bs.Device(
        "cam-1", **{"plan": plan, "broker": broker, "state": tmp_path / "state", "keys": tmp_path / "keys", **options}
    )


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_frame_is_on_disk_once_submit_returns(make: Callable[..., bs.Device], frames: Frames, tmp_path: Path) -> None:
    with make() as device:
        job = device.submit(frames[0], source="door")
        outbox = Outbox(tmp_path / "state" / "outbox.sqlite", 10**9)  # as another process would open it
        (entry,) = outbox.due(0, 10)
        outbox.close()
        assert (entry.job, entry.frames[0].source) == (job, "door")
        assert device.health == ["the MQTT broker isn't connected"]
    assert device.counts.pending == 1


def test_with_regions_a_picture_is_submitted_by_itself(make: Callable[..., bs.Device], tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text('[picture]\nsize = [64, 48]\n[[region]]\nname = "d1"\nbox = [4, 4, 20, 30]\n')
    picture = np.zeros((96, 128, 3), np.uint8)
    with make(regions=tmp_path / "one.toml") as device:
        device.submit(picture, source="cellar")
        outbox = Outbox(tmp_path / "state" / "outbox.sqlite", 10**9)
        assert [frame.source for entry in outbox.due(0, 10) for frame in entry.frames] == ["cellar:d1"]
        outbox.close()
        with pytest.raises(bs.FrameError, match="there are 2 pictures; with regions, each one is submitted by itself"):
            device.submit(picture, picture)
        with pytest.raises(bs.FrameError, match="another aspect ratio"):
            device.submit(picture[:50])


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


def test_a_second_device_of_one_state_is_refused_until_the_first_is_closed(make: Callable[..., bs.Device]) -> None:
    with make(), pytest.raises(bs.ConfigurationError, match="which another device uses now; stop that one"):
        make()
    make().close()


def test_a_device_that_nobody_refers_to_goes_on(make: Callable[..., bs.Device], frames: Frames, tmp_path: Path) -> None:
    camera = Still(frames[0])
    make(camera=camera)
    gc.collect()
    outbox = Outbox(tmp_path / "state" / "outbox.sqlite", 10**9)
    try:
        wait_for(lambda: outbox.counts().pending == 1)
    finally:
        outbox.close()
        (device,) = (each for each in gc.get_objects() if type(each) is bs.Device)
        device.close()


def test_a_device_stays_with_the_process_that_made_it(make: Callable[..., bs.Device], frames: Frames) -> None:
    """Or two processes would use one connection to the outbox, which SQLite forbids."""
    with make() as device:
        child = os.fork()
        if child == 0:
            refused = 0
            for call in (lambda: device.submit(frames[0]), device.wait):
                try:
                    call()
                except bs.BlindsightError as error:
                    refused += "stays in the parent" in str(error)
            device.close()
            os._exit(refused)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
        device.submit(frames[0])
        assert device.counts.pending == 1


def test_a_frame_that_comes_while_the_device_is_closed_is_told_so(
    make: Callable[..., bs.Device], frames: Frames
) -> None:
    device, raised = make(), []

    def submit() -> None:
        try:
            while True:
                device.submit(frames[0])
        except bs.BlindsightError as error:
            raised.append(str(error))

    threads = [threading.Thread(target=submit) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_for(lambda: device.counts.accepted > 0)
    device.close()
    for thread in threads:
        thread.join()
    assert raised == ["device 'cam-1' is closed; make a new one with the same state to go on"] * 3
    assert device.counts.accepted == device.counts.pending


def test_a_program_that_ends_without_closing_ends(make: Callable[..., bs.Device], tmp_path: Path) -> None:
    make().close()
    code = (
        "import blindsight as bs, numpy\n"
        "device = bs.Device('cam-1', plan='digits', broker='mqtt://127.0.0.1:1', "
        f"state={str(tmp_path / 'state')!r}, keys={str(tmp_path / 'keys')!r})\n"
        "device.submit(numpy.zeros((28, 28), numpy.uint8))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=100, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with make() as device:
        assert device.counts.pending == 1


def test_the_program_s_own_error_leaves_the_device_closed(make: Callable[..., bs.Device]) -> None:
    with pytest.raises(ZeroDivisionError), make() as device:
        raise ZeroDivisionError
    assert device.health == ["the device has stopped"]


class Still(bs.Camera):
    """Shows one frame, and ends."""

    def __init__(self, frame: NDArray[np.uint8]) -> None:
        self._frame = frame

    def shots(self) -> Iterator[bs.Shot]:
        yield bs.Shot(self._frame, "still")

    def close(self) -> None:
        pass


class Broken(bs.Camera):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def shots(self) -> Iterator[bs.Shot]:
        raise self.error

    def close(self) -> None:
        pass


@pytest.mark.parametrize("error", [OSError("the lens fell off"), SystemExit("the lens fell off")])
def test_a_camera_that_raises_anything_is_said_to_have(make: Callable[..., bs.Device], error: BaseException) -> None:
    device = make(camera=Broken(error))
    said = f"the camera raised {type(error).__name__}: the lens fell off"
    with pytest.raises(bs.CallbackError, match=said) as caught:
        device.wait()
    with pytest.raises(bs.CallbackError):
        device.close()
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retry_after": -1}, r"retry_after: .* greater than 0 \(got -1\)"),
        ({"outbox_mb": 0}, "outbox_mb: "),
        ({"policy": "newest"}, "policy: "),
        ({"motion": 3.0}, "motion is for a camera"),
        ({"regions": "absent.toml"}, "regions is absent.toml, which can't be read"),
        ({"custody": "site"}, "holds a secret key, and custody is 'site'"),
        ({"groups": {"pet": ["cat", "dig"]}}, "group 'pet' has the label '.*', which isn't one of the model's"),
        ({"groups": {"pet": "cat"}}, "groups has 'cat' for 'pet'; give a list of labels"),
        ({"groups": {"pet": ["cat,dog"]}}, r"groups has \['cat,dog'\] for 'pet'; .* none with a comma"),
        ({"groups": {"a=b": ["cat"]}}, r"groups has \['cat'\] for 'a=b'; .* a name without ="),
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


def test_a_console_s_groups_are_of_its_plans_labels(keys: bs.KeySet, plan: bs.Plan, tmp_path: Path) -> None:
    keys.save(tmp_path / "keys")
    site: dict[str, Any] = {"keys": tmp_path / "keys", "plans": [plan], "state": tmp_path / "console"}
    with pytest.raises(bs.ConfigurationError, match=r"group 'pet' has the label '.*', which isn't one of the model's"):
        bs.Console(**site, broker="mqtt://127.0.0.1", groups={"pet": [plan.head.labels[0], "cat"]})
    assert not (tmp_path / "console").exists()
