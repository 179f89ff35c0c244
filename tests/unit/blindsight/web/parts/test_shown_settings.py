"""Settings in force are shown without secrets, and without the places of keys."""

from pathlib import Path

from blindsight.web.parts.shown_settings import settings_in_force
from blindsight.web.settings.console import ConsoleWebSettings
from blindsight.web.settings.device import DeviceWebSettings
from blindsight.web.settings.status import StatusWebSettings
from common.service.settings import ServiceSettings, load_settings
from web.site import SettingView

SECRET = "secretive"  # in each value that must not be shown


def shown(kind: type[ServiceSettings], **values: object) -> dict[str, SettingView]:
    return {view.name: view for view in settings_in_force(load_settings(kind, None, values))}


def test_a_setting_has_the_panel_flag_and_description_of_the_help() -> None:
    view = shown(StatusWebSettings, mqtt_port=1884)["--mqtt-port"]
    assert (view.panel, view.value, view.description) == ("Connection", "1884", "Port of the MQTT broker.")


def test_whatever_may_hold_a_secret_is_only_said_to_be_set(tmp_path: Path) -> None:
    file = tmp_path / SECRET
    file.write_text(SECRET)
    console = shown(
        ConsoleWebSettings,
        keys=file,
        state=tmp_path / "state",
        plans=[Path("p")],
        passphrase=SECRET,
        passphrase_file=file,
        mqtt_password=SECRET,
        mqtt_password_file=file,
        mqtt_key_file=file,
        webhook=f"https://{SECRET}.example/{SECRET}",
        webhook_secret_file=file,
        forward_command=f"send {SECRET}",
        publish_mqtt_password_file=file,
        known_answers=file,
        web_key_file=file,
    )
    device = shown(
        DeviceWebSettings,
        state=tmp_path / "state",
        plan=Path("p"),
        camera=f"rtsp://me:{SECRET}@host/",
        camera_password_file=file,
        identities=file,
        keys=file,
    )
    status = shown(StatusWebSettings, redis_url=f"redis://:{SECRET}@host/0", redis_password_file=file)
    for views in (console, device, status):
        for view in views.values():
            assert SECRET not in view.value, view.name
    assert console["--keys"].value == device["--camera"].value == status["--redis-url"].value == "set"
    assert console["--keys"].secret


def test_values_are_told_as_people_write_them(tmp_path: Path) -> None:
    views = shown(
        ConsoleWebSettings, keys=tmp_path, state=tmp_path, plans=[Path("a.plan"), Path("b.plan")], label_only=True
    )
    assert views["--plans"].value == "a.plan, b.plan"
    assert views["--label-only"].value == "yes"
    assert views["--keep"].value == "not set"
