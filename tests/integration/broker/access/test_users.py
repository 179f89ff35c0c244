"""Who may connect, and as whom."""

import time
from pathlib import Path

import pytest

from blindsight.demo.servers import Servers
from common.errors import BrokerError
from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from tests.integration.broker.access.connections import connection, settings_of

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]


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
        settings = settings_of(servers, "cam-a", servers.mqtt_service_port)
        with pytest.raises(BrokerError, match="refuses user 'cam-a'"):
            MqttConnection(settings, "bridge-1").connect()
        assert victim.connected


def test_the_services_cannot_take_over_the_console_s_session(servers: Servers) -> None:
    """Where they connect they choose their client ids; the console connects with the devices, whose ids are bound."""
    settings = settings_of(servers, "console", servers.mqtt_service_port)
    with pytest.raises(BrokerError, match="refuses user 'console'"):
        MqttConnection(settings, "console").connect()
    with (
        connection(servers, "console", client_id="console") as (victim, _),
        connection(servers, "cam-a", client_id="console"),
    ):
        time.sleep(0.5)
        victim.check()
        assert victim.connected
