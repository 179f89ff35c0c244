"""Settings of publishing: what can't be an address is refused, and no secret in one is shown."""

import pytest

from common.errors import ConfigurationError
from common.publishing.settings import PublishingSettings
from common.service.settings import load_settings

WEBHOOKS = [
    *("ftp://h/hunter2", "https:///hunter2", "h/hunter2", "https://hunter2@h:99999/", "https://hunter2@h:0/"),
    *("http://hunter2@[::", "https://h/hunter2 b", "https://h/hunter2\u00e4"),
]
BROKERS = [
    *("hunter2", "mqtt:///hunter2", "http://hunter2@h", "mqtt://hunter2@h:0", "mqtt://hunter2@h:99999"),
    *("mqtt://h/hunter2", "mqtt://hunter2@[::", "mqtt://h?hunter2"),
]


@pytest.mark.parametrize(
    ("name", "value"), [("webhook", each) for each in WEBHOOKS] + [("publish_mqtt", each) for each in BROKERS]
)
def test_what_is_no_address_is_refused_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}: Input should be .*a text that isn't shown") as caught:
        load_settings(PublishingSettings, None, {name: value})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "/", "a/", "+", "a/#", "a b", "ä", "a" * 101])
def test_a_prefix_is_levels_of_a_topic(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="publish_mqtt_prefix: "):
        load_settings(PublishingSettings, None, {"publish_mqtt_prefix": prefix})


def test_the_user_of_a_broker_is_in_its_url_and_the_password_is_not() -> None:
    url = load_settings(PublishingSettings, None, {"publish_mqtt": "mqtts://m%40e@home.local"}).publish_mqtt_url()
    assert url is not None
    assert (url.host, url.port, url.user, url.secure) == ("home.local", 8883, "m@e", True)
    with pytest.raises(ConfigurationError, match="give publish_mqtt_password_file") as caught:
        load_settings(PublishingSettings, None, {"publish_mqtt": "mqtt://me:hunter2@home.local"})
    assert "hunter2" not in str(caught.value)


def test_nothing_is_published_unless_a_setting_says_so() -> None:
    assert load_settings(PublishingSettings, None, {}).targets() == []
    every = {"forward_command": "cat", "webhook": "https://h/", "publish_mqtt": "mqtt://h"}
    assert load_settings(PublishingSettings, None, every).targets() == ["command", "webhook", "mqtt"]
