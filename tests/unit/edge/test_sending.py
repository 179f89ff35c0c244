"""What becomes of bursts that get no label, at a device whose broker can't be reached, and then can."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from blindsight.demo.servers import free_ports
from common.keys.key_set import PublicKeySet, load_times_key
from common.wire import messages
from common.wire.capture_times import open_times
from common.wire.connection import MqttConnection
from common.wire.messages import Burst, ErrorReply
from edge import clock, sending
from edge.key_uploads import Uploads
from edge.labels.answers import AnswerBook
from edge.metrics import DeviceMetrics
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import CapturedFrame
from edge.sending import Sender
from edge.settings import DeviceSettings
from edge.watcher import NOBODY, Watcher
from tests.unit.console.bench import make_head, make_keys
from tests.unit.edge.entries import entry
from tests.unit.edge.onlooker import Onlooker

DEADLINE = 60.0
SETTINGS = DeviceSettings(camera="samples:digits", plan=Path("digits"), state=Path("unused"), deadline=DEADLINE)


@pytest.fixture
def sender(outbox: Outbox) -> Sender:
    """One whose connection isn't up."""
    return make_sender(outbox, None)


def make_sender(outbox: Outbox, key_set: PublicKeySet | None, watcher: Watcher = NOBODY) -> Sender:
    connection = MqttConnection(SETTINGS.model_copy(update={"mqtt_port": free_ports(1)[0]}), "cam-a")
    uploads = Uploads("cam-a", [], lambda topic, chunk: None)
    answers, metrics = AnswerBook(outbox, None), DeviceMetrics()
    return Sender(SETTINGS, "cam-a", 1000, outbox, answers, uploads, connection, metrics, key_set, watcher)


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


def test_capture_times_are_sealed_for_the_site_whose_key_set_a_burst_is_for(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = make_keys(make_head(), tmp_path / "keys")
    made = entry(0, frames=3)
    outbox.add(replace(made, key_set=keys.fingerprint, plan="0" * 64))
    outbox.add(replace(entry(3, frames=3), key_set="0" * 64, plan="0" * 64))  # an earlier one's
    sent: list[Burst] = []

    def publish(_: MqttConnection, topic: str, payload: bytes, **options: object) -> SimpleNamespace:
        sent.append(messages.decode(payload, Burst))
        return SimpleNamespace(mid=len(sent))

    monkeypatch.setattr(MqttConnection, "publish", publish)
    # A site's; an earlier version's, without a key for times; and a device's own, which knows the times itself.
    for key_set in (keys, replace(keys, times=None), None):
        sender = make_sender(outbox, key_set)
        for pending in outbox.due(clock.now() + 1e6, 10):
            sender._send(pending)
    assert {burst.labels for burst in sent} == {"full"}  # nothing says that the fleet rounds scores
    sealed, *others = [burst.sealed for burst in sent]
    key = load_times_key(keys)
    assert key is not None and others == [b""] * 5
    assert open_times(sealed, 3, key, keys.fingerprint, "cam-a", made.job) == [
        frame.captured_at for frame in made.frames
    ]


def test_who_looks_on_sees_what_is_sent_and_what_is_refused(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MqttConnection, "publish", lambda *_, **__: SimpleNamespace(mid=1))
    onlooker, made = Onlooker(), replace(entry(0), key_set="0" * 64, plan="0" * 64)
    outbox.add(made)
    sender = make_sender(outbox, None, onlooker)
    sender._send(outbox.due(clock.now(), 1)[0])
    sender.refused(ErrorReply(1, made.job, "busy", "later"))
    assert onlooker.seen == [("sent", made.job, made.ciphertext), ("refused", made.job, "busy")]
