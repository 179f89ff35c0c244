"""Who may do what, on the real broker with the shipped access rules."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from blindsight.demo.servers import Servers
from broker.provisioning.provision import Wishes, provision
from broker.provisioning.reload import forget_commands, forget_statuses, reload_broker
from common.errors import BrokerError, ConfigurationError
from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from tests.integration.fleet import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]

JOB = "00000001-0123456789abcdef"
FINGERPRINT = "ab" * 32


@contextmanager
def connection(
    servers: Servers, user: str, *topics: str, client_id: str | None = None
) -> Iterator[tuple[MqttConnection, list[IncomingMessage]]]:
    services = user in ("bridge", "worker")
    settings = ServiceSettings(
        mqtt_port=servers.mqtt_service_port if services else servers.mqtt_port,
        mqtt_username=user,
        mqtt_password_file=servers.password_file(user),
    )
    received: list[IncomingMessage] = []
    client = MqttConnection(settings, client_id or f"{user}-test", on_message=received.append, subscriptions=topics)
    client.connect()
    time.sleep(0.3)
    try:
        yield client, received
    finally:
        client.close()


def deliver(client: MqttConnection, topic: str) -> None:
    """Publish and give the broker time to pass it on; a denied one is acknowledged all the same."""
    with suppress(BrokerError):
        client.publish_confirmed(topic, b"x", 5)
    time.sleep(0.3)


OWN = [f"frames/{JOB}", f"keys/{FINGERPRINT}/0", "status"]


BRIDGE_READS = ["blindsight/v1/+/frames/+", "blindsight/v1/+/keys/+/+", "blindsight/v1/+/status"]


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


def test_a_wrong_password_is_refused_with_the_user_named(servers: Servers, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("wrong")
    settings = ServiceSettings(mqtt_port=servers.mqtt_port, mqtt_username="cam-a", mqtt_password_file=wrong)
    with pytest.raises(BrokerError, match=r"refuses user 'cam-a'.*password"):
        MqttConnection(settings, "cam-a").connect()


def test_anonymous_clients_are_refused(servers: Servers) -> None:
    with pytest.raises(BrokerError, match="refuses"):
        MqttConnection(ServiceSettings(mqtt_port=servers.mqtt_port), "cam-a").connect()


def test_a_device_cannot_evict_another_by_its_client_id(servers: Servers) -> None:
    with connection(servers, "cam-b") as (victim, _), connection(servers, "cam-a", client_id="cam-b"):
        time.sleep(0.5)
        victim.check()
        assert victim.connected


def test_a_device_password_is_not_accepted_where_services_choose_their_client_ids(servers: Servers) -> None:
    with connection(servers, "bridge", client_id="bridge-1") as (victim, _):
        settings = ServiceSettings(
            mqtt_port=servers.mqtt_service_port,
            mqtt_username="cam-a",
            mqtt_password_file=servers.password_file("cam-a"),
        )
        with pytest.raises(BrokerError, match="refuses user 'cam-a'"):
            MqttConnection(settings, "bridge-1").connect()
        assert victim.connected


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


def test_only_the_console_gives_receipts_and_only_the_device_reads_them(servers: Servers) -> None:
    receipt = f"blindsight/v1/cam-a/receipts/{JOB}"
    with (
        connection(servers, "cam-a", "blindsight/v1/cam-a/receipts/+") as (device, receipts),
        connection(servers, "cam-b", "blindsight/v1/+/receipts/+", receipt) as (other, stolen),
        connection(servers, "bridge", "blindsight/v1/+/receipts/+") as (bridge, seen),
        connection(servers, "worker") as (worker, _),
        connection(servers, "console", client_id="console") as (console, _),
    ):
        for forger in (device, other, bridge, worker):
            deliver(forger, receipt)
        assert not receipts
        deliver(console, receipt)
        assert [message.topic for message in receipts] == [receipt]
        assert not stolen and not seen


def test_the_console_reads_every_label_error_and_status_and_forges_none(servers: Servers) -> None:
    wanted = [f"blindsight/v1/+/{rest}" for rest in ("labels/+", "errors/+", "status", "frames/+")]
    sent = [f"blindsight/v1/cam-b/{kind}/{JOB}" for kind in ("labels", "errors")]
    with (
        connection(servers, "console", *wanted, client_id="console") as (console, read),
        connection(servers, "cam-b", "blindsight/v1/cam-b/labels/+", "blindsight/v1/cam-b/errors/+") as (device, own),
        connection(servers, "worker") as (worker, _),
    ):
        for topic in sent:
            deliver(worker, topic)
        deliver(device, f"blindsight/v1/cam-b/frames/{JOB}")
        deliver(device, "blindsight/v1/cam-b/status")
        assert {message.topic for message in read} >= {*sent, "blindsight/v1/cam-b/status"}
        assert not any("/frames/" in message.topic for message in read)
        assert len(own) == 2
        for topic in (
            *sent,
            f"blindsight/v1/cam-b/keys/{FINGERPRINT}/0",
            f"blindsight/v1/cam-b/keys-ack/{FINGERPRINT}",
        ):
            deliver(console, topic)
        assert len(own) == 2


def test_the_console_uploads_keys_under_its_own_name_only(servers: Servers) -> None:
    with (
        connection(servers, "bridge", *BRIDGE_READS) as (bridge, seen),
        connection(servers, "console", "blindsight/v1/console/keys-ack/+", client_id="console") as (console, acks),
        connection(servers, "cam-a") as (device, _),
    ):
        deliver(console, f"blindsight/v1/console/keys/{FINGERPRINT}/0")
        deliver(console, f"blindsight/v1/cam-a/keys/{FINGERPRINT}/0")
        deliver(device, f"blindsight/v1/console/keys/{FINGERPRINT}/0")
        found = [message.topic for message in seen if "/keys/" in message.topic]
        assert found == [f"blindsight/v1/console/keys/{FINGERPRINT}/0"]
        deliver(bridge, f"blindsight/v1/console/keys-ack/{FINGERPRINT}")
        assert len(acks) == 1


def test_the_services_cannot_take_over_the_console_s_session(servers: Servers) -> None:
    """Where they connect they choose their client ids; the console connects with the devices, whose ids are bound."""
    settings = ServiceSettings(
        mqtt_port=servers.mqtt_service_port,
        mqtt_username="console",
        mqtt_password_file=servers.password_file("console"),
    )
    with pytest.raises(BrokerError, match="refuses user 'console'"):
        MqttConnection(settings, "console").connect()
    with (
        connection(servers, "console", client_id="console") as (victim, _),
        connection(servers, "cam-a", client_id="console"),
    ):
        time.sleep(0.5)
        victim.check()
        assert victim.connected


def test_a_reader_reads_forwarded_labels_and_statuses_and_writes_nothing(servers: Servers) -> None:
    site = provision(servers.site.folder, wishes=Wishes(readers=["grafana"]))
    assert not site.restart
    reload_broker(servers.processes["mqtt"].pid)
    wanted = ("blindsight/#", "blindsight/v1/console/plain/#", "blindsight/v1/+/status", "blindsight/v1/+/labels/+")
    settings = ServiceSettings(
        mqtt_port=servers.mqtt_port,
        mqtt_username="grafana",
        mqtt_password_file=site.reader_password_file("grafana"),
    )
    read: list[IncomingMessage] = []
    with (
        connection(servers, "console", client_id="console") as (console, _),
        connection(servers, "cam-a") as (device, _),
        connection(servers, "worker") as (worker, _),
        connection(servers, "bridge", *BRIDGE_READS, "blindsight/v1/+/keys/+/+") as (_, seen),
    ):
        reader = MqttConnection(settings, "any", on_message=read.append, subscriptions=wanted)
        reader.connect()
        time.sleep(0.3)
        for client, topic in (
            (console, "blindsight/v1/console/plain/cam-a"),
            (device, "blindsight/v1/cam-a/status"),
            (worker, f"blindsight/v1/cam-a/labels/{JOB}"),
        ):
            deliver(client, topic)
        assert {message.topic for message in read} == {
            "blindsight/v1/console/plain/cam-a",
            "blindsight/v1/cam-a/status",
        }
        seen.clear()
        for rest in (*OWN, f"errors/{JOB}"):  # by the patterns it could, as a device of its name
            deliver(reader, f"blindsight/v1/grafana/{rest}")
        before = len(read)
        deliver(reader, "blindsight/v1/console/plain/cam-a")
        assert not seen and len(read) == before
        reader.close()


def test_a_revoked_and_a_renewed_device_are_cut_off_at_once_and_no_other(servers: Servers) -> None:
    status, pid = "blindsight/v1/cam-h/status", servers.processes["mqtt"].pid
    with (
        connection(servers, "cam-h") as (revoked, _),
        connection(servers, "cam-g") as (renewed, _),
        connection(servers, "cam-a") as (other, _),
        connection(servers, "bridge", status) as (bridge, seen),
    ):
        revoked.publish_confirmed(status, b"{}", 5, retain=True)
        site = provision(servers.site.folder, wishes=Wishes(revoke=["cam-h"], renew=["cam-g"]))
        reload_broker(pid)
        forget_statuses(site, ["cam-h"])
        for cut in (revoked, renewed):
            with pytest.raises(BrokerError, match=r"refuses user 'cam-[gh]'"):
                wait_for("the refusal", lambda cut=cut: cut.check(), 30)
        assert other.connected and bridge.connected
        assert seen[-1].payload == b""
    with connection(servers, "cam-g") as (again, _):
        assert again.connected
    with connection(servers, "bridge", status) as (bridge, kept):
        assert not kept
        bridge.publish_confirmed(status, b"{}", 5, retain=True)
        if shutil.which("mosquitto_pub"):  # the same by hand
            (command,) = forget_commands(site, ["cam-h"])
            subprocess.run(["sh", "-e", "-c", command.removeprefix("then: ")], check=True)
            wait_for("its end", lambda: kept[-1].payload == b"")


def test_only_mosquitto_is_told_to_reload() -> None:
    with pytest.raises(ConfigurationError, match=rf"--reload is {os.getpid()}, which is '.*' and not mosquitto"):
        reload_broker(os.getpid())
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        reload_broker(2**22 + 1)
