"""What devices may do, on the real broker with the shipped access rules; and that services may do no more."""

import pytest

from blindsight.demo.servers import Servers
from common.errors import BrokerError
from tests.integration.broker.access.connections import BRIDGE_READS, JOB, OWN, connection, deliver

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]


@pytest.mark.parametrize("rest", OWN)
def test_a_device_publishes_its_own_frames_keys_and_status(servers: Servers, rest: str) -> None:
    with connection(servers, "bridge", *BRIDGE_READS) as (_, seen), connection(servers, "cam-a") as (device, _):
        deliver(device, f"blindsight/v1/cam-a/{rest}")
        assert [message.topic for message in seen] == [f"blindsight/v1/cam-a/{rest}"]


@pytest.mark.parametrize("rest", OWN)
def test_a_device_cannot_publish_as_another(servers: Servers, rest: str) -> None:
    with connection(servers, "bridge", *BRIDGE_READS) as (_, seen), connection(servers, "cam-a") as (device, _):
        deliver(device, f"blindsight/v1/cam-b/{rest}")
        assert not seen


@pytest.mark.parametrize("victim", ["cam-a", "cam-b"])
@pytest.mark.parametrize("kind", ["labels", "errors", "keys-ack"])
def test_a_device_can_forge_no_reply(servers: Servers, victim: str, kind: str) -> None:
    with (
        connection(servers, victim, f"blindsight/v1/{victim}/{kind}/+") as (_, seen),
        connection(servers, "cam-c") as (other, _),
    ):
        deliver(other, f"blindsight/v1/{victim}/{kind}/{JOB}")
        assert not seen
    with connection(servers, "cam-a", f"blindsight/v1/cam-a/{kind}/+") as (own, seen):
        deliver(own, f"blindsight/v1/cam-a/{kind}/{JOB}")
        assert not seen


@pytest.mark.parametrize(
    "wanted",
    [
        "blindsight/v1/cam-b/labels/+",
        "blindsight/v1/+/labels/+",
        "blindsight/v1/cam-b/errors/+",
        "blindsight/#",
        "#",
        "$share/any/blindsight/v1/+/labels/+",
    ],
)
def test_a_device_reads_no_label_but_its_own(servers: Servers, wanted: str) -> None:
    with (
        connection(servers, "cam-a", wanted) as (_, stolen),
        connection(servers, "cam-b", "blindsight/v1/cam-b/labels/+") as (_, own),
        connection(servers, "worker") as (worker, _),
    ):
        deliver(worker, f"blindsight/v1/cam-b/labels/{JOB}")
        assert [message.topic for message in own] == [f"blindsight/v1/cam-b/labels/{JOB}"]
        assert not stolen


def test_the_bridge_cannot_forge_labels_nor_the_worker_read_frames(servers: Servers) -> None:
    with (
        connection(servers, "cam-a", "blindsight/v1/cam-a/labels/+") as (device, labels),
        connection(servers, "bridge") as (bridge, _),
        connection(servers, "worker", "blindsight/v1/+/frames/+") as (_, frames),
    ):
        deliver(bridge, f"blindsight/v1/cam-a/labels/{JOB}")
        deliver(device, f"blindsight/v1/cam-a/frames/{JOB}")
        assert not labels and not frames


def test_an_oversized_message_is_refused_before_it_is_sent(servers: Servers) -> None:
    with connection(servers, "cam-a") as (device, _):
        with pytest.raises(BrokerError, match=r"over the broker's max_packet_size of 67,108,864"):
            device.publish(f"blindsight/v1/cam-a/frames/{JOB}", bytes(68_000_000))
        device.publish_confirmed("blindsight/v1/cam-a/status", b"{}", 5)


def test_a_topic_of_countless_levels_disturbs_nobody(servers: Servers) -> None:
    with (
        connection(servers, "bridge", *BRIDGE_READS) as (bridge, seen),
        connection(servers, "cam-b") as (victim, _),
        connection(servers, "cam-a") as (hostile, _),
    ):
        hostile.publish("blindsight/v1/cam-a/frames/" + "/" * 65_000, b"x")  # as long as MQTT has topics
        deliver(victim, f"blindsight/v1/cam-b/frames/{JOB}")
        assert [message.topic for message in seen] == [f"blindsight/v1/cam-b/frames/{JOB}"]
        assert victim.connected and bridge.connected
