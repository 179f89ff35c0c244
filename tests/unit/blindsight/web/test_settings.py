"""The settings of a site come as all others do: flags, variables, a file."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from blindsight.web.settings.console import ConsoleWebSettings
from blindsight.web.settings.device import DeviceWebSettings
from blindsight.web.settings.status import StatusWebSettings
from blindsight.web.settings.web import WebSettings
from common.errors import ConfigurationError
from common.service.settings import load_settings
from console.settings import ConsoleSettings
from edge.settings import DeviceSettings

CONSOLE = {"keys": Path("k"), "state": Path("s"), "plans": [Path("p")]}
DEVICE = {"state": Path("s"), "plan": Path("p"), "camera": "folder:x"}


def test_without_being_told_nothing_is_served() -> None:
    assert not load_settings(ConsoleWebSettings, None, CONSOLE).web


def test_it_is_on_loopback_unless_told_otherwise() -> None:
    assert load_settings(ConsoleWebSettings, None, {**CONSOLE, "web": True}).web_host == "127.0.0.1"


def test_a_service_s_own_defaults_stay() -> None:
    settings = load_settings(ConsoleWebSettings, None, CONSOLE)
    for name in ConsoleSettings.model_fields:
        field, ours = ConsoleSettings.model_fields[name], ConsoleWebSettings.model_fields[name]
        assert (ours.default, ours.description) == (field.default, field.description)
    assert settings.mqtt_username == "console"


def test_variables_and_files_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.toml"
    config.write_text('web_name = ["north", "north.example"]\nweb_port = 8443\n')
    monkeypatch.setenv("BLINDSIGHT_WEB", "true")
    monkeypatch.setenv("BLINDSIGHT_WEB_PORT", "9443")
    settings = load_settings(ConsoleWebSettings, config, CONSOLE)
    assert (settings.web, settings.web_port, settings.web_name) == (True, 9443, ["north", "north.example"])


def test_the_settings_of_a_demo_s_site_don_t_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSIGHT_WEB_HOST", "0.0.0.0")
    assert WebSettings().web_host == "127.0.0.1"


def test_a_wrong_port_is_named() -> None:
    with pytest.raises(ConfigurationError, match="web_port"):
        load_settings(ConsoleWebSettings, None, {**CONSOLE, "web_port": 70_000})


def test_a_device_s_history_is_kept_for_a_span_or_for_ever() -> None:
    assert load_settings(DeviceWebSettings, None, DEVICE).keep_seconds() is None
    assert load_settings(DeviceWebSettings, None, {**DEVICE, "keep": "2d"}).keep_seconds() == 172_800
    with pytest.raises(ConfigurationError, match="such as 90d"):
        load_settings(DeviceWebSettings, None, {**DEVICE, "keep": "long"})


@pytest.mark.parametrize(
    ("kind", "plain"), [(ConsoleWebSettings, ConsoleSettings), (DeviceWebSettings, DeviceSettings)]
)
def test_the_help_has_the_site_s_panel_last(kind: type[BaseModel], plain: type[BaseModel]) -> None:
    names = list(kind.model_fields)
    assert names[: len(plain.model_fields)] == list(plain.model_fields)
    assert all(name.startswith("web") or name == "keep" for name in names[len(plain.model_fields) :])


def test_status_has_a_folder_for_accounts_alone() -> None:
    assert load_settings(StatusWebSettings, None, {"web_state": Path("w")}).web_state == Path("w")
