"""Where labels and readings go is refused before anything starts, if settings don't go together."""

import pytest

from common.errors import ConfigurationError
from common.publishing.publisher import check_publishing
from common.publishing.settings import PublishingSettings
from common.service.settings import load_settings


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"publish_mqtt": "mqtt://h", "publish_mqtt_ca_file": "ca.crt"}, "publish_mqtt is mqtts:// where"),
        ({"publish_mqtt": "mqtts://h"}, r"/etc/ssl/certs/ca-certificates\.crt"),
        ({"publish_mqtt": "mqtts://h", "publish_mqtt_ca_file": "/nowhere"}, "/nowhere"),
        ({"publish_mqtt": "mqtt://h", "publish_mqtt_password_file": __file__}, "names no user"),
        ({"publish_mqtt_password_file": __file__}, "give publish_mqtt too"),
        ({"publish_mqtt_ca_file": __file__}, "give publish_mqtt too"),
        ({"webhook_secret_file": __file__}, "give webhook too"),
        ({"webhook": "https://h/", "webhook_secret_file": __file__}, "openssl rand"),
        ({"forward_command": "/no/such/program"}, "there is no such program"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(flags: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_publishing(load_settings(PublishingSettings, None, flags))
