"""Settings of `blindsight console`."""

from pathlib import Path

from pydantic import Field, field_validator

from common.publishing.outgoing import Target
from common.publishing.settings import PUBLISHING, PublishingSettings
from common.service.ages import check_age, seconds_of
from common.service.settings import CONNECTION, KEYS, Extra
from common.wire.topics import CONSOLE_USER

LABELS: Extra = {"panel": "Labels"}
#: The form of a topic that can be published on: no wildcards, and none of the broker's own.
_TOPIC = r"^[^$+#\x00][^+#\x00]*$"


class ReadingSettings(PublishingSettings):
    """What a console is told, whoever starts it. It may publish plain labels on its broker, too."""

    mqtt_username: str | None = Field(CONSOLE_USER, description="MQTT user name.", json_schema_extra=CONNECTION)
    keys: Path = Field(
        description="Folder of the site's key set; made with: blindsight keys create.", json_schema_extra=KEYS
    )
    state: Path = Field(description="Folder for the record of labels (labels.sqlite).", json_schema_extra=LABELS)
    keep: str | None = Field(
        None,
        description="Delete labels that were recorded longer ago and are forwarded, such as 90d, 12h or 4w; "
        "for ever without it.",
        json_schema_extra=LABELS,
    )
    known_answers: Path | None = Field(
        None,
        description="Folder of the known answers that the site's devices mix in; their labels are compared.",
        json_schema_extra=KEYS,
    )
    regions: Path | None = Field(
        None,
        description="Region file of all devices, or folder with a file DEVICE.toml for each: the readings to make of "
        "labels.",
        json_schema_extra=LABELS,
    )
    label_only: bool = Field(
        False,
        description="Keep nothing but labels: no lead of the scores is shown or recorded.",
        json_schema_extra=LABELS,
    )
    forward_topic: str | None = Field(
        None,
        pattern=_TOPIC,
        max_length=1000,
        description="MQTT topic for plain labels, as JSON; the shipped rules allow blindsight/v1/console/plain/….",
        json_schema_extra=PUBLISHING,
    )

    @field_validator("keep")
    @classmethod
    def _keep_is_an_age(cls, keep: str | None) -> str | None:
        return check_age(keep)

    def keep_seconds(self) -> float | None:
        """The age in seconds at which labels are deleted; None when they are kept for ever."""
        return None if self.keep is None else seconds_of(self.keep)

    def targets(self) -> list[Target]:
        """The targets to which labels are forwarded."""
        topic: list[Target] = [] if self.forward_topic is None else ["topic"]
        return topic + super().targets()


class ConsoleSettings(ReadingSettings):
    """The console of the command line: a site's only place with the secret key."""

    plans: list[Path] = Field(
        min_length=1,
        description="Plan or head file of a model in use, or name of a shipped one; --plans once for each.",
        json_schema_extra=LABELS,
    )
    json_lines: bool = Field(
        False,
        description="Print a JSON object a label or alarm on standard output instead of a table.",
        json_schema_extra={**LABELS, "flag": "--json"},
    )
