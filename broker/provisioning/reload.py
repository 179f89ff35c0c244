"""A running Mosquitto takes up what `blindsight provision` changed, and forgets devices that were revoked.

On SIGHUP Mosquitto reads passwords and access rules again, and at once cuts off each user who is gone or has another
password. It reads listeners, and so ports and TLS, only when it starts.
"""

import os
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path

from broker.provisioning.provision import ProvisionedSite
from common.errors import ConfigurationError
from common.service.settings import ServiceSettings
from common.wire import topics
from common.wire.connection import MqttConnection
from common.wire.topics import BRIDGE_USER

#: Seconds within which the broker has to acknowledge a message.
_TIMEOUT = 5.0


def reload_broker(pid: int) -> None:
    """Send Mosquitto SIGHUP.

    Raises `ConfigurationError` when the process isn't Mosquitto, since SIGHUP would end it, or can't be sent a signal.
    """
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        if name != "mosquitto":
            raise ConfigurationError(f"--reload is {pid}, which is {name!r} and not mosquitto; see: pidof mosquitto")
        os.kill(pid, signal.SIGHUP)
    except OSError as error:
        raise ConfigurationError(
            f"--reload is {pid}, which can't be told: {error.strerror}; see: pidof mosquitto"
        ) from error


def forget_statuses(site: ProvisionedSite, devices: Sequence[str]) -> None:
    """Clear the retained statuses of devices that were cut off. Raises `BrokerError` without a broker."""
    if not devices:
        return
    settings = ServiceSettings(
        mqtt_host=_host(site),
        mqtt_port=site.settings.service_port,
        mqtt_username=BRIDGE_USER,
        mqtt_password_file=site.password_file(BRIDGE_USER),
        mqtt_ca_file=site.mosquitto / "tls" / "ca.crt" if site.settings.tls else None,
    )
    connection = MqttConnection(settings, f"provision-{os.getpid()}")
    try:
        connection.connect()
        for device in devices:
            connection.publish_confirmed(topics.status(device), b"", _TIMEOUT, retain=True)
    finally:
        connection.close()


def forget_commands(site: ProvisionedSite, devices: Sequence[str]) -> list[str]:
    """Commands that do the same as `forget_statuses`, for the broker's machine once the broker was reloaded."""
    password = shlex.quote(str(site.password_file(BRIDGE_USER)))
    where = f'-h {_host(site)} -p {site.settings.service_port} -u {BRIDGE_USER} -i forget -P "$(cat {password})"'
    if site.settings.tls:
        where += f" --cafile {shlex.quote(str(site.mosquitto / 'tls' / 'ca.crt'))}"
    if site.settings.client_certs:
        where += " --cert CLIENT.crt --key CLIENT.key"  # clients have them, a site's folder has not
    return [f"then: mosquitto_pub {where} -r -n -t {topics.status(device)}" for device in devices]


def _host(site: ProvisionedSite) -> str:
    wildcards = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    return wildcards.get(site.settings.host, site.settings.host)
