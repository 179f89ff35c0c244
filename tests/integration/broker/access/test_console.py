"""What the console may do, and who reads what it forwards."""

import time

import pytest

from blindsight.demo.servers import Servers
from broker.provisioning.provision import Wishes, provision
from broker.provisioning.reload import reload_broker
from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from tests.integration.broker.access.connections import BRIDGE_READS, FINGERPRINT, JOB, OWN, connection, deliver

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]


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
