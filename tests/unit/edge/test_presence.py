"""What a device tells of itself, and how it notices that another client has its id."""

from types import SimpleNamespace

import msgspec
import pytest
from structlog.testing import capture_logs

from common.errors import BrokerError
from common.wire.messages import Reason
from common.wire.status import MAX_STATUS_BYTES, Status, decode_status
from edge.outbox.outbox import Outbox
from edge.presence import Presence
from tests.plans import digits
from tests.unit.edge.entries import add


@pytest.fixture
def presence(outbox: Outbox) -> Presence:
    return Presence("cam-a", msgspec.structs.replace(digits(1).head, model="模" * 10_000), "k" * 64, outbox)


def status(presence: Presence) -> Status:
    return decode_status(presence.will().payload)


def test_what_was_given_up_is_told_by_reason_with_the_last_one(presence: Presence, outbox: Outbox) -> None:
    assert (status(presence).parked_by_reason, status(presence).last_parked) == ({}, None)
    for number, reason in enumerate(["deadline", "oversized", "deadline"]):
        last = add(outbox)
        outbox.park(last, reason, "x" * 10_000, 1000.0 + number)
    told = status(presence)
    assert told.parked_by_reason == {"deadline": 2, "oversized": 1}
    assert told.last_parked is not None
    assert (told.last_parked.job, told.last_parked.reason, told.last_parked.at) == (last, "deadline", 1002.0)


def test_a_camera_that_owes_a_picture_is_told_of_while_the_device_is_online(outbox: Outbox) -> None:
    pulse = SimpleNamespace(overdue_since=lambda: 1234.56)
    presence = Presence("cam-a", digits(1).head, "k" * 64, outbox, pulse)  # type: ignore[arg-type]
    assert decode_status(presence._encode("online")).no_picture_since == 1234.6
    assert decode_status(presence._encode("offline")).no_picture_since == 0
    pulse.overdue_since = lambda: None
    assert decode_status(presence._encode("online")).no_picture_since == 0


def test_a_device_that_keeps_frames_as_pictures_says_so(presence: Presence, outbox: Outbox) -> None:
    assert not status(presence).keeps_frames
    assert status(Presence("cam-a", digits(1).head, "k" * 64, outbox, keeps_frames=True)).keeps_frames


def test_a_status_is_never_larger_than_it_may_be(presence: Presence, outbox: Outbox) -> None:
    for reason in Reason.__args__:
        outbox.park(add(outbox), reason, "", 1000.0)
    assert len(presence.will().payload) < MAX_STATUS_BYTES / 2


def test_the_older_of_two_devices_gives_way_and_the_younger_says_so_once(presence: Presence) -> None:
    mine = status(presence)
    older = msgspec.structs.replace(mine, instance="older", started_at=mine.started_at - 1)
    younger = msgspec.structs.replace(mine, instance="younger", started_at=mine.started_at + 1)
    with capture_logs() as logs:
        presence.take(older)  # what an earlier run left
        presence.take(mine)
        assert not logs
        presence.take(older)
        presence.take(older)
    assert [entry["event"][:31] for entry in logs] == ["another device was online under"]
    with pytest.raises(BrokerError, match="another device is online as 'cam-a'"):
        presence.take(younger)


def test_connections_that_are_cut_again_and_again_are_said_to_be_perhaps_another_client_s(presence: Presence) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            presence.renew()
        assert not logs
        for _ in range(10):
            presence.renew()
    assert [entry["event"][:37] for entry in logs] == ["the connection was cut again and agai"]
