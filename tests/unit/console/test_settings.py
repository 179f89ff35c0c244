"""A console's settings name what is wrong with them."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from common.service.settings import load_settings
from console.settings import ConsoleSettings

GIVEN = {"keys": Path("k"), "plans": [Path("p")], "state": Path("s")}


@pytest.mark.parametrize("topic", ["a/+/b", "#", "$SYS/x", "", "a\0b"])
def test_a_topic_that_nobody_can_publish_on_is_refused(topic: str) -> None:
    with pytest.raises(ConfigurationError, match="forward_topic"):
        load_settings(ConsoleSettings, None, {**GIVEN, "forward_topic": topic})


def test_it_connects_as_the_console_and_forwards_nothing_unless_told() -> None:
    settings = load_settings(ConsoleSettings, None, GIVEN)
    assert (settings.mqtt_username, settings.forward_topic, settings.forward_command) == ("console", None, None)
