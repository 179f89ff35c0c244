"""Settings of `blindsight console`."""

from pathlib import Path

from pydantic import Field

from common.settings import KeyHolderSettings
from common.topics import CONSOLE_USER

_FORBIDDEN_IN_TOPICS = r"^[^$+#\x00][^+#\x00]*$"


class ConsoleSettings(KeyHolderSettings):
    """A site's only place with the secret key. Plain labels leave it where a `forward_…` setting says so."""

    mqtt_username: str | None = Field(CONSOLE_USER, description="MQTT user name.")
    keys: Path = Field(description="Folder of the site's key set; made with: blindsight keys create.")
    plans: list[Path] = Field(
        min_length=1, description="Plan or head files of the models in use, or names of shipped models."
    )
    state: Path = Field(description="Folder for the record of labels (labels.sqlite).")
    known_answers: Path | None = Field(
        None, description="Folder of the known answers that the site's devices mix in; their labels are compared."
    )
    label_only: bool = Field(False, description="Keep nothing but labels: no lead of the scores is shown or recorded.")
    json_lines: bool = Field(
        False,
        description="Print a JSON object a label or alarm on standard output instead of a table.",
        json_schema_extra={"flag": "--json"},
    )
    forward_topic: str | None = Field(
        None,
        pattern=_FORBIDDEN_IN_TOPICS,
        max_length=1000,
        description="MQTT topic for plain labels, as JSON; the shipped rules allow blindsight/v1/console/plain/….",
    )
    forward_command: str | None = Field(
        None, min_length=1, description="Program and arguments, run for each label with its JSON on standard input."
    )
