"""Publishing, put together: a forwarder for each target that the settings name."""

import time
from collections.abc import Sequence

from common.errors import ConfigurationError
from common.logs import get_logger
from common.publishing.forwarder import Forwarder
from common.publishing.metrics import ForwardMetrics
from common.publishing.outgoing import Outgoing
from common.publishing.settings import PublishingSettings
from common.publishing.ways.command import CommandWay
from common.publishing.ways.home_assistant import HomeAssistantWay, broker_settings
from common.publishing.ways.readings_file import ReadingsFileWay
from common.publishing.ways.way import Way
from common.publishing.ways.webhook import WebhookWay, host_of, read_key
from common.readings.meters import Meters
from common.service.line_file import check_line_file

#: Seconds that `close` waits for the events under way, at most.
_CLOSE_SECONDS = 5.0

log = get_logger(__name__)


class Publisher:
    """Sends what waits in an outgoing table to where `settings` say, between `start` and `close`.

    `name` is the device's id, or a name of the console that no device has; `meters` tells what readings meter.
    `more` are ways beside those of the settings, whose targets get what is added from now on. Raises
    `ConfigurationError` for a program, a file or a certificate that can't be used.
    """

    def __init__(
        self,
        settings: PublishingSettings,
        outgoing: Outgoing,
        name: str,
        metrics: ForwardMetrics,
        meters: Meters,
        more: Sequence[Way] = (),
    ) -> None:
        self._outgoing, self._metrics = outgoing, metrics
        for way in more:
            outgoing.add_target(way.target)
        self._home = None
        if settings.publish_mqtt is not None:
            self._home = HomeAssistantWay(settings, name, meters, outgoing.announced)
        file = None if settings.readings is None else ReadingsFileWay(settings.readings)
        ways = (*more, file, _command(settings), _webhook(settings), self._home)
        self._webhook_host = "" if settings.webhook is None else host_of(settings.webhook)
        self._ways = [way for way in ways if way is not None]
        self._forwarders: list[Forwarder] = []

    def start(self) -> None:
        """Begin to forward what waits; warn of what waits for a target that is set no more."""
        for target, number in self._outgoing.left_behind().items():
            log.warning("labels wait to be forwarded, and are kept until they are", to=target, number=number)
        if self._webhook_host.startswith("http:"):
            log.warning("whoever is on the way can read what is posted without TLS", webhook=self._webhook_host)
        self._forwarders = [Forwarder(self._outgoing, way, self._metrics) for way in self._ways]

    def wake(self) -> None:
        """Look at the outgoing table, since events were added."""
        for forwarder in self._forwarders:
            forwarder.wake()

    def device_status(self, device: str, online: bool) -> None:
        """Tell Home Assistant, if it is told anything, whether a device is there."""
        if self._home is not None:
            self._home.device_status(device, online)

    def problem(self) -> str | None:
        """The check of health: the targets that get nothing, if there are any."""
        found = [problem for forwarder in self._forwarders if (problem := forwarder.problem()) is not None]
        return "; ".join(found) or None

    @property
    def settled(self) -> bool:
        """Whether waiting longer is of no use: each target has everything, or has got nothing for a minute."""
        return all(forwarder.settled for forwarder in self._forwarders)

    def close(self) -> None:
        """End, after giving what is under way a few seconds."""
        for forwarder in self._forwarders:
            forwarder.stop()
        until = time.monotonic() + _CLOSE_SECONDS
        for forwarder in self._forwarders:
            forwarder.close(max(until - time.monotonic(), 0.0))


def check_publishing(settings: PublishingSettings) -> None:
    """Raise `ConfigurationError` for settings of publishing that can't be used, before anything is begun."""
    if settings.webhook is None and settings.webhook_secret_file is not None:
        raise ConfigurationError("webhook_secret_file is for a webhook, and there is none; give webhook too")
    if settings.readings is not None:
        check_line_file(settings.readings, "readings")
    url = settings.publish_mqtt_url()
    for name in ("password_file", "ca_file"):
        if url is None and getattr(settings, f"publish_mqtt_{name}") is not None:
            raise ConfigurationError(f"publish_mqtt_{name} is for the broker of publish_mqtt; give publish_mqtt too")
    if url is not None:
        if url.secure != (settings.publish_mqtt_ca_file is not None):
            raise ConfigurationError(
                "publish_mqtt is mqtts:// where publish_mqtt_ca_file says how its certificate is checked, and mqtt:// "
                "where there is none; change one of them (the system's CAs: /etc/ssl/certs/ca-certificates.crt)"
            )
        if url.user is None and settings.publish_mqtt_password_file is not None:
            raise ConfigurationError("publish_mqtt names no user, and there is a password; write mqtt://USER@HOST")
        broker_settings(settings)
    _command(settings)
    _webhook(settings)


def _command(settings: PublishingSettings) -> CommandWay | None:
    return None if settings.forward_command is None else CommandWay(settings.forward_command)


def _webhook(settings: PublishingSettings) -> WebhookWay | None:
    if settings.webhook is None:
        return None
    key = None if settings.webhook_secret_file is None else read_key(settings.webhook_secret_file)
    return WebhookWay(settings.webhook, key)
