"""What becomes of bursts that get no label, at a device whose broker can't be reached, and then can."""

from dataclasses import replace
from pathlib import Path

import pytest

from blindsight.servers import free_ports
from common import clock
from common.mqtt import MqttConnection
from edge import sending
from edge.answers import AnswerBook
from edge.outbox import Outbox
from edge.outbox_file import CapturedFrame
from edge.sending import Sender
from edge.settings import DeviceSettings
from edge.uploads import Uploads
from tests.unit.edge.entries import entry

DEADLINE = 60.0
SETTINGS = DeviceSettings(camera="samples:digits", plan=Path("digits"), state=Path("unused"), deadline=DEADLINE)


@pytest.fixture
def sender(outbox: Outbox) -> Sender:
    """One whose connection isn't up."""
    connection = MqttConnection(SETTINGS.model_copy(update={"mqtt_port": free_ports(1)[0]}), "cam-a")
    uploads = Uploads("cam-a", [], lambda topic, chunk: None)
    return Sender(SETTINGS, "cam-a", 1000, outbox, AnswerBook(outbox, None), uploads, connection)


def add(outbox: Outbox, counter: int, age: float) -> str:
    """Accept a burst that was captured so many seconds ago."""
    made = replace(entry(counter), frames=(CapturedFrame("a.png", clock.now() - age),))
    outbox.add(made)
    return made.job


def test_what_is_overdue_is_parked_while_nothing_can_be_sent(outbox: Outbox, sender: Sender) -> None:
    late = [add(outbox, counter, DEADLINE + 1) for counter in range(2 * sending._OVERDUE_SEEN)]
    early = add(outbox, len(late), DEADLINE - 30)
    for _ in range(3):
        sender.tick("k" * 64)
    assert [outbox.get(job) for job in late] == [None] * len(late)
    assert outbox.parked_by_reason() == {"deadline": len(late)}
    assert outbox.get(early) is not None
