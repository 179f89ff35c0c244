"""A device that holds its own keys publishes its labels to its owner, through real servers, and to nobody else."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from blindsight.demo.servers import Servers, free_ports
from common.publishing.ways.webhook import read_key
from tests.integration.fleet import Fleet, make_fleet, problems, wait_for, write_pictures
from tests.meter_pictures import write_meter
from tests.plans import digits
from tests.unit.common.publishing.ways.home_assistant.home_broker import home_broker, subscriber
from tests.unit.common.publishing.ways.receiver import receiving

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module")
def fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = make_fleet(servers, tmp_path_factory.mktemp("fleet"), digits(4))
    made.start_bridge()
    made.start_worker()
    yield made
    made.services.stop()


def test_labels_go_to_a_webhook_and_to_home_assistant(fleet: Fleet, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(6))
    (tmp_path / "secret").write_text(SECRET)
    with receiving() as receiver, home_broker(tmp_path / "home") as home, subscriber(home.port) as seen:
        receiver.answers += [500, 503]
        secret = ["--webhook-secret-file", str(tmp_path / "secret"), "--publish-mqtt", home.url]
        device = fleet.start_device(
            "cam-a", tmp_path / "camera", "--exit-when-done", "--webhook", receiver.url, *secret
        )
        assert device.process.wait(90) == 0, device.tail()  # which is when all was published
        said = device.log.read_text()
    events = [Webhook(SECRET).verify(post.body, post.headers) for post in receiver.posts]
    assert [event["label"] for event in events] == [truth[0], truth[0], *truth]
    assert receiver.ids()[0] == receiver.ids()[1] == receiver.ids()[2]
    results = fleet.results("cam-a")
    assert [(each["job"], each["counter"], each["source"]) for each in events[2:]] == [
        (result.job, result.counter, result.source) for result in results
    ]
    assert all("lead" not in event for event in events)
    assert seen.found["blindsight/cam-a/label/state"].decode() == truth[-1]
    assert seen.found["blindsight/cam-a/availability"] == b"offline"  # it has ended
    assert [config["unique_id"] for config in seen.configs().values()] == ["blindsight-cam-a-label"]
    assert "hunter2" not in said and SECRET not in said and read_key(tmp_path / "secret").hex() not in said


def test_a_device_that_was_killed_publishes_what_waited_and_home_assistant_sees_it_go(
    fleet: Fleet, tmp_path: Path
) -> None:
    truth = write_pictures(tmp_path / "camera", range(4))
    (metrics,) = free_ports(1)
    with receiving() as receiver, home_broker(tmp_path / "home") as home, subscriber(home.port) as seen:
        receiver.always = 503
        extra = ["--webhook", receiver.url, "--publish-mqtt", home.url, "--metrics-port", str(metrics)]
        device = fleet.start_device("cam-b", tmp_path / "camera", *extra)
        wait_for("the last label", lambda: seen.found.get("blindsight/cam-b/label/state") == truth[-1].encode())
        assert seen.found["blindsight/cam-b/availability"] == b"online"
        assert len(fleet.results("cam-b")) == 4  # what is refused holds up neither labels nor the other target
        assert problems(metrics) == []  # a minute of it isn't over
        device.process.send_signal(signal.SIGKILL)
        device.process.wait()
        fleet.services.started.remove(device)
        wait_for("its last will", lambda: seen.found["blindsight/cam-b/availability"] == b"offline")
        receiver.posts.clear()
        receiver.always = None
        again = fleet.start_device("cam-b", tmp_path / "camera", *extra)
        wait_for("what waited", lambda: len(receiver.posts) >= 4)
        assert [json.loads(post.body)["label"] for post in receiver.posts][:4] == truth
        wait_for("online again", lambda: seen.found["blindsight/cam-b/availability"] == b"online")
        again.process.send_signal(signal.SIGTERM)
        assert again.process.wait(30) == 0, again.tail()
        fleet.services.started.remove(again)


def test_a_meter_is_a_reading_at_the_webhook_and_in_home_assistant(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "camera").mkdir()
    folder = write_meter(tmp_path / "camera", "345")
    for number in range(5):
        shutil.copy(folder / "345.png", folder / f"345-{number}.png")
    with receiving() as receiver, home_broker(tmp_path / "home") as home, subscriber(home.port) as seen:
        publish = ["--webhook", receiver.url, "--publish-mqtt", home.url, "--regions", str(folder / "meter.toml")]
        device = fleet.start_device("cam-c", folder, "--burst-wait", "60", "--exit-when-done", *publish)
        assert device.process.wait(120) == 0, device.tail()
    events = [json.loads(post.body) for post in receiver.posts]
    readings = [event for event in events if event["kind"] == "reading"]
    assert [event["region"] for event in events if event["kind"] == "label"] == ["d1", "d2", "d3"] * 6
    assert len(readings) == 6 and (readings[-1]["value"], readings[-1]["unit"]) == ("345", "m³")
    assert [config["unique_id"] for config in seen.configs().values()] == ["blindsight-cam-c-reading-water"]
    assert seen.found["blindsight/cam-c/reading-water/state"] == b"345"
    assert json.loads(seen.found["blindsight/cam-c/reading-water/attributes"])["reading_state"] == "good"
    assert not any("score" in name or name == "lead" for event in events for name in event)
