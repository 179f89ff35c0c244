"""Where labels and readings are published: the settings of a console, and of a device that holds its own keys."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from common.label_groups import LabelGroups, read_groups
from common.publishing.outgoing import Target
from common.service.settings import Extra, KeyHolderSettings
from common.wire.broker_url import BrokerUrl, read_broker_url

PUBLISHING: Extra = {"panel": "Publishing"}
#: The characters of a URL.
_URL_CHARACTERS = r"[!-~]+"
_SECRET: Extra = {**PUBLISHING, "secret": True}


class PublishingSettings(KeyHolderSettings):
    """What a key holder is told about publishing. Plain labels and readings leave it where one of these says so."""

    group: list[str] = Field(
        default_factory=list,
        description="Labels that are reported and published as a group, too, such as vehicle=automobile,truck; --group "
        "once for each.",
        json_schema_extra=PUBLISHING,
    )
    readings: Path | None = Field(
        None,
        description="File that gets a line per reading: CSV where its name ends with .csv, else JSON.",
        json_schema_extra=PUBLISHING,
    )
    forward_command: str | None = Field(
        None,
        min_length=1,
        description="Program and arguments, run for each label or reading with its JSON on standard input.",
        json_schema_extra=_SECRET,
    )
    webhook: str | None = Field(
        None,
        description="http:// or https:// URL to which each label or reading is posted as JSON. One that holds a "
        "secret is better given as BLINDSIGHT_WEBHOOK or in a file: others on this machine see flags.",
        json_schema_extra=_SECRET,
    )
    webhook_secret_file: Path | None = Field(
        None,
        description="File with the secret that signs what is posted: whsec_ and 24 to 64 bytes in base64.",
        json_schema_extra=PUBLISHING,
    )
    publish_mqtt: str | None = Field(
        None,
        description="mqtt://[USER@]HOST[:PORT] or mqtts://… of your own broker, on which Home Assistant finds a sensor "
        "for each reading and for each camera's label.",
        json_schema_extra=_SECRET,
    )
    publish_mqtt_password_file: Path | None = Field(
        None, description="File that holds the password for that broker.", json_schema_extra=PUBLISHING
    )
    publish_mqtt_ca_file: Path | None = Field(
        None, description="CA certificate of that broker, for mqtts://.", json_schema_extra=PUBLISHING
    )
    publish_mqtt_prefix: str = Field(
        "homeassistant",
        pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$",
        max_length=100,
        description="Discovery prefix that Home Assistant is set to.",
        json_schema_extra=PUBLISHING,
    )

    @field_validator("webhook")
    @classmethod
    def _webhook_is_a_url(cls, webhook: str | None) -> str | None:
        if webhook is None:
            return None
        try:
            url = urlsplit(webhook)
            usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:  # of brackets that aren't IPv6's, or of what is no port
            usable = False
        if not usable or not re.fullmatch(_URL_CHARACTERS, webhook):
            raise PydanticCustomError(
                "webhook", "Input should be http:// or https://, a host and a path, without spaces and in ASCII"
            )
        return webhook

    @field_validator("publish_mqtt")
    @classmethod
    def _publish_mqtt_is_a_url(cls, publish_mqtt: str | None) -> str | None:
        if publish_mqtt is None:
            return None
        try:
            url = read_broker_url(publish_mqtt)
        except ValueError:
            url = None
        if url is None or url.port == 0:
            raise PydanticCustomError("mqtt", "Input should be mqtt://USER@HOST:PORT or mqtts://USER@HOST:PORT")
        if url.password is not None:
            raise PydanticCustomError(
                "mqtt", "Input should hold no password, which others could see; give publish_mqtt_password_file"
            )
        return publish_mqtt

    def label_groups(self) -> LabelGroups:
        """The groups of labels. Raises `ConfigurationError`."""
        return read_groups(self.group)

    def publish_mqtt_url(self) -> BrokerUrl | None:
        """The parts of `publish_mqtt`; None where it isn't set."""
        return None if self.publish_mqtt is None else read_broker_url(self.publish_mqtt)

    def targets(self) -> list[Target]:
        """The targets to which labels and readings are forwarded."""
        settings: dict[Target, object] = {
            "readings": self.readings,
            "command": self.forward_command,
            "webhook": self.webhook,
            "mqtt": self.publish_mqtt,
        }
        return [target for target, value in settings.items() if value is not None]
