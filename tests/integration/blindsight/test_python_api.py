"""Devices and consoles in a program of its own, on a real broker, with a real bridge and worker."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import blindsight as bs
from blindsight.demo.servers import Servers, free_ports
from models.samples import load_samples
from tests.integration.fleet import Fleet, make_fleet, wait_for

pytestmark = pytest.mark.slow

SECONDS = 120.0


@pytest.fixture(scope="module")
def fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = make_fleet(servers, tmp_path_factory.mktemp("fleet"))
    fleet.start_bridge()
    fleet.start_worker()
    yield fleet
    fleet.services.stop()


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint8]:
    return load_samples("digits").frames


@pytest.fixture(scope="module")
def truth() -> list[str]:
    return [str(label) for label in load_samples("digits").labels]


def url(fleet: Fleet, user: str) -> str:
    password = fleet.servers.password_file(user).read_text().strip()
    return f"mqtt://{user}:{password}@127.0.0.1:{fleet.servers.mqtt_port}"


@pytest.fixture
def device(fleet: Fleet, tmp_path: Path) -> Callable[..., bs.Device]:
    """Makes a device of this test, with a folder of its own."""

    def make(name: str, **options: Any) -> bs.Device:
        given = {
            "plan": fleet.plan,
            "broker": url(fleet, name),
            "state": tmp_path / name,
            "retry_after": 5.0,
            **options,
        }
        return bs.Device(name, **{**given, **options})

    return make


def test_two_devices_in_one_process_get_their_labels_in_order_of_capture(
    device: Callable[..., bs.Device], frames: NDArray[np.uint8], truth: list[str]
) -> None:
    first: list[bs.Result] = []
    second: list[bs.Result] = []
    groups = {"shown": truth[:2]}
    with device("cam-a", on_label=first.append, groups=groups) as a, device("cam-b", on_label=second.append) as b:
        jobs = [a.submit(frames[number], source=f"frame {number}") for number in range(3)]
        for number in range(3, 6):
            b.submit(frames[number])
        assert a.wait(SECONDS) and b.wait(SECONDS)
        assert a.health == b.health == []
        assert (a.counts.answered, a.counts.pending) == (3, 0)
    assert [(each.device, each.job, each.source, each.label) for each in first] == [
        ("cam-a", job, f"frame {number}", truth[number]) for number, job in enumerate(jobs)
    ]
    assert [each.group for each in first] == ["shown" if label in truth[:2] else "" for label in truth[:3]]
    assert [(each.device, each.label) for each in second] == [("cam-b", label) for label in truth[3:6]]
    assert a.counts.answered == 3  # also of a closed device
    assert a.health == ["the device has stopped"]


def test_what_was_submitted_while_nobody_listened_is_answered_after_a_restart(
    device: Callable[..., bs.Device], frames: NDArray[np.uint8], truth: list[str]
) -> None:
    nowhere = f"mqtt://127.0.0.1:{free_ports(1)[0]}"
    with device("cam-c", broker=nowhere) as away:
        for number in range(2):
            away.submit(frames[number])
        assert not away.wait(0.1)
    assert away.counts.pending == 2
    labels: list[str | None] = []
    with device("cam-c", on_label=lambda result: labels.append(result.label)) as back:
        back.submit(frames[2])
        assert back.wait(SECONDS)
    assert labels == truth[:3]


def test_a_function_that_raises_ends_the_device_and_loses_no_label(
    device: Callable[..., bs.Device], frames: NDArray[np.uint8], truth: list[str]
) -> None:
    def fail(result: bs.Result) -> None:
        if result.counter == 1:
            raise ZeroDivisionError("no")
        labels.append(result.label)

    labels: list[str | None] = []
    failing = device("cam-d", on_label=fail)
    for number in range(3):
        failing.submit(frames[number])
    with pytest.raises(bs.CallbackError, match="on_label raised ZeroDivisionError") as caught:
        failing.wait(SECONDS)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert failing.health == ["the device has stopped"]
    with pytest.raises(bs.CallbackError):
        failing.submit(frames[3])
    with pytest.raises(bs.CallbackError):
        failing.close()
    failing.close()  # a second time it does nothing
    with device("cam-d", on_label=lambda result: labels.append(result.label)) as again:
        assert again.wait(SECONDS)
    assert labels == truth[:3]


def test_pictures_and_paths_are_frames_too_and_what_does_not_fit_is_refused(
    device: Callable[..., bs.Device], frames: NDArray[np.uint8], truth: list[str], tmp_path: Path
) -> None:
    picture = Image.fromarray(frames[7][..., 0])
    picture.save(tmp_path / "seven.png")
    results: list[bs.Result] = []
    with device("cam-e", on_label=results.append) as camera:
        camera.submit(picture)
        camera.submit(tmp_path / "seven.png")
        camera.submit(str(tmp_path / "seven.png"))
        camera.submit(frames[7][..., 0])
        for wrong, message in (
            (frames[0][:20], "the picture is 20×28 .* pass resize=True"),
            (frames[0].astype(float), "type float64"),
            (picture.resize((30, 30)), "the model takes 28×28; pass resize=True"),
            (tmp_path / "missing.png", "missing.png can't be read: No such file"),
            (7, "a picture is int"),
        ):
            with pytest.raises(bs.FrameError, match=message):
                camera.submit(wrong)  # type: ignore[arg-type]
        with pytest.raises(bs.FrameError, match="there are 2 frames"):
            camera.submit(picture, picture)
        assert camera.wait(SECONDS)
    assert [result.label for result in results] == 4 * [truth[7]]
    assert [result.source for result in results] == ["", *2 * [str(tmp_path / "seven.png")], ""]


def test_a_console_reads_what_devices_of_its_site_can_not(
    fleet: Fleet, device: Callable[..., bs.Device], frames: NDArray[np.uint8], truth: list[str], tmp_path: Path
) -> None:
    keys = bs.KeySet.create(fleet.plan)
    keys.save(tmp_path / "keys", passphrase="of the site")
    keys.public.save(tmp_path / "public")
    site = {
        "keys": tmp_path / "keys",
        "plans": [fleet.plan],
        "broker": url(fleet, "console"),
        "state": tmp_path / "console",
        "passphrase": "of the site",
    }

    def fail(label: bs.FrameLabel) -> None:
        raise ZeroDivisionError

    results: list[bs.Result] = []
    labels: list[bs.FrameLabel] = []
    with device("cam-f", custody="site", keys=tmp_path / "public", on_label=results.append) as camera:
        failing = bs.Console(**site, on_label=fail)
        camera.submit(frames[0])
        wait_for("the console's end", lambda: failing.health == ["the console has stopped"], SECONDS)
        with pytest.raises(bs.CallbackError, match="on_label raised ZeroDivisionError"):
            failing.close()
        with bs.Console(**site, on_label=labels.append, groups={"shown": truth[:1]}) as console:
            camera.submit(frames[1])
            assert camera.wait(SECONDS)
            wait_for("both labels", lambda: len(labels) == 2)
            assert console.health == []
            assert console.counts == {"cam-f": 2}
            console.check()
    assert [(each.device, each.counter, each.label) for each in labels] == [
        ("cam-f", number, truth[number]) for number in range(2)
    ]
    # The first was recorded by a console without groups.
    assert [each.group for each in labels] == ["", "shown" if truth[1] == truth[0] else ""]
    assert [(each.counter, each.label) for each in results] == [(0, None), (1, None)]


class Slides(bs.Camera):
    """A camera that shows frames, waits, and then raises."""

    def __init__(self, frames: NDArray[np.uint8], go_on: threading.Event) -> None:
        self._frames, self._go_on = frames, go_on

    def shots(self) -> Iterator[bs.Shot]:
        for number, frame in enumerate(self._frames):
            yield bs.Shot(frame, f"slide {number}")
        self._go_on.wait()
        raise ZeroDivisionError("the projector burns")


def test_a_camera_of_ones_own_is_watched_and_its_error_is_raised(
    device: Callable[..., bs.Device], frames: NDArray[np.uint8], truth: list[str]
) -> None:
    results: list[bs.Result] = []
    go_on = threading.Event()
    camera = device("cam-g", camera=Slides(frames[:2], go_on), on_label=results.append)
    wait_for("both labels", lambda: len(results) == 2, SECONDS)
    assert [(each.source, each.label) for each in results] == [("slide 0", truth[0]), ("slide 1", truth[1])]
    with pytest.raises(bs.ConfigurationError, match="takes its frames from its camera"):
        camera.submit(frames[0])
    go_on.set()
    with pytest.raises(bs.CallbackError, match="the camera raised ZeroDivisionError: the projector burns"):
        camera.wait(SECONDS)
    with pytest.raises(bs.CallbackError):
        camera.close()


def test_a_wrong_password_is_said_and_never_shown(
    fleet: Fleet, device: Callable[..., bs.Device], frames: NDArray[np.uint8], caplog: pytest.LogCaptureFixture
) -> None:
    broker = f"mqtt://cam-h:hunter2@127.0.0.1:{fleet.servers.mqtt_port}"
    camera = device("cam-h", broker=broker)
    camera.submit(frames[0])  # kept all the same
    with pytest.raises(bs.BrokerError, match="refuses user 'cam-h'"):
        camera.wait(SECONDS)
    with pytest.raises(bs.BrokerError):
        camera.close()
    assert "hunter2" not in repr(camera) + repr(vars(camera)) + caplog.text


def test_a_device_may_be_closed_from_its_function(device: Callable[..., bs.Device], frames: NDArray[np.uint8]) -> None:
    ended: list[bs.Result] = []

    def close(result: bs.Result) -> None:
        with pytest.raises(bs.ConfigurationError, match="wait was called from on_label"):
            camera.wait()
        ended.append(result)
        camera.close()

    camera = device("cam-a", on_label=close)
    camera.submit(frames[0])
    wait_for("the end", lambda: camera.health == ["the device has stopped"], SECONDS)
    with pytest.raises(bs.BlindsightError, match="was stopped from its on_label"):
        camera.submit(frames[0])
    camera.close()
    assert len(ended) == 1
