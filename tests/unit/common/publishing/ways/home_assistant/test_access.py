"""A broker that asks who comes: users, passwords, TLS and rules."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import BrokerError
from common.publishing.announced import Announcement
from common.publishing.events import plain
from common.publishing.ways.home_assistant import HomeAssistantWay
from tests.integration.certificates import Authority
from tests.unit.common.publishing.queues import LABEL, READING, Queue
from tests.unit.common.publishing.ways.home_assistant.home_broker import HomeBroker, home_broker
from tests.unit.common.publishing.ways.home_assistant.key_holder import METERS, publish, running, settings

pytestmark = [pytest.mark.mosquitto]


def passwords(folder: Path) -> str:
    """Configuration of a broker with a user `me` whose password is hunter2, and who may write our topics only."""
    folder.mkdir(exist_ok=True)
    (folder / "passwords").write_text("me:hunter2\nothers:hunter2\n")
    subprocess.run(["mosquitto_passwd", "-U", str(folder / "passwords")], check=True)
    rules = "user me\ntopic write blindsight/#\ntopic write homeassistant/#\nuser others\ntopic read #\n"
    (folder / "acl").write_text(rules)
    return f"allow_anonymous false\npassword_file {folder}/passwords\nacl_file {folder}/acl"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[HomeBroker]:
    """A broker that asks for names and passwords."""
    with home_broker(tmp_path / "home", passwords(tmp_path / "home")) as made:
        yield made


@pytest.fixture
def password(tmp_path: Path) -> Path:
    """A file with the password of both users."""
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    return path


def as_user(name: str, broker: HomeBroker, password: Path) -> dict[str, object]:
    """The settings of a user of a broker that asks who comes."""
    return {"publish_mqtt": f"mqtt://{name}@127.0.0.1:{broker.port}", "publish_mqtt_password_file": password}


def test_a_broker_that_forbids_the_withdrawal_still_gets_what_there_is(
    queue: Queue, guarded: HomeBroker, password: Path
) -> None:
    queue.outgoing.announced.add([Announcement("elsewhere", "cam-a", "label")])
    with running(queue, guarded, **as_user("me", guarded, password)):
        publish(queue, LABEL)
    assert [each.prefix for each in queue.outgoing.announced.all()] == ["elsewhere", "homeassistant"]


def test_user_password_and_tls_are_as_the_settings_say(queue: Queue, password: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("home")
    lines = f"certfile {certificate}\nkeyfile {key}\n{passwords(tmp_path / 'home')}"
    with home_broker(tmp_path / "home", lines) as broker:
        more = as_user("me", broker, password) | {
            "publish_mqtt": f"mqtts://me@127.0.0.1:{broker.port}",
            "publish_mqtt_ca_file": authority.ca,
        }
        with running(queue, broker, **more):
            publish(queue, READING)


def test_a_broker_that_refuses_the_user_is_asked_again_later(queue: Queue, guarded: HomeBroker, password: Path) -> None:
    me = as_user("me", guarded, password)
    password.write_text("wrong")
    way = HomeAssistantWay(settings(guarded, **me), "cam-a", METERS, queue.outgoing.announced)
    for _ in range(2):
        with pytest.raises(BrokerError, match="publish_mqtt: the broker refuses user 'me'") as caught:
            way.keep_up()
        assert "wrong" not in str(caught.value)
    way.close()
    password.write_text("hunter2")
    with running(queue, guarded, **me):
        publish(queue, READING)


def test_a_rule_that_forbids_the_topics_is_said(queue: Queue, guarded: HomeBroker, password: Path) -> None:
    others = settings(guarded, **as_user("others", guarded, password))
    way = HomeAssistantWay(others, "cam-a", METERS, queue.outgoing.announced)
    way.keep_up()
    for _ in range(2):  # an announcement that was refused is made again
        with pytest.raises(BrokerError, match=r"refuses what is published on 'homeassistant/.*allow the user"):
            way.send([plain(READING)])
    way.close()
