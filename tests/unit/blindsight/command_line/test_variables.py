"""A variable of the environment that looks like a setting, and is none, is told of."""

import subprocess
import sys

import pytest

from blindsight.command_line.variables import unknown_variables
from broker.settings import BridgeSettings
from edge.settings import DeviceSettings


def told(own: type[DeviceSettings] | type[BridgeSettings]) -> list[str]:
    return [sentence for sentence in unknown_variables(own) if "TEST_PLANS" not in sentence]


def test_a_variable_that_is_no_setting_is_told_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSIGHT_MQTT_PROT", "1884")
    assert told(BridgeSettings) == [
        "BLINDSIGHT_MQTT_PROT in the environment is no setting; did you mean BLINDSIGHT_MQTT_PORT?"
    ]


@pytest.mark.parametrize("name", ["RATE", "FORWARD_TOPIC", "FRAME_TTL", "CONCURRENCY", "DEVICE_STATE", "SERVERS"])
def test_a_setting_of_any_command_and_a_variable_of_the_demo_are_known(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BLINDSIGHT_{name}", "1")
    assert told(BridgeSettings) == told(DeviceSettings) == []


@pytest.mark.parametrize(("name", "imported"), [("FRAME_TTL", True), ("RATE", False)])
@pytest.mark.slow
def test_other_commands_settings_are_imported_only_for_a_variable_that_the_own_are_not(
    name: str, imported: bool
) -> None:
    source = (
        "import sys; from blindsight.command_line.variables import unknown_variables\n"
        "from edge.settings import DeviceSettings\n"
        "unknown_variables(DeviceSettings); print('broker.settings' in sys.modules)"
    )
    environment = {"PATH": "/usr/bin:/bin", f"BLINDSIGHT_{name}": "1"}
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == str(imported)
