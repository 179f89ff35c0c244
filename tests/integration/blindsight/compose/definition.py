"""docker-compose.yml, and whose settings its services have."""

import os
import re
from pathlib import Path

import yaml

from blindsight.web.settings.console import ConsoleWebSettings
from blindsight.web.settings.status import StatusWebSettings
from broker.settings import BridgeSettings
from edge.settings import DeviceSettings
from workers.settings import WorkerSettings

ROOT = Path(__file__).parents[4]
MONITORING = ROOT / "monitoring"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
SETTINGS = {
    "bridge": BridgeSettings,
    "worker": WorkerSettings,
    "device": DeviceSettings,
    "console": ConsoleWebSettings,
    "site-device": DeviceSettings,
}
#: The services that Prometheus doesn't scrape as well.
ALL_SETTINGS = {**SETTINGS, "status": StatusWebSettings}


def command_of(name: str, names: dict[str, str]) -> list[str]:
    """The command of a service, with other names for what it has in its container."""
    devices = os.environ.get("DEVICES", "10")
    return [replaced(word.replace("${DEVICES:-10}", devices), names) for word in COMPOSE[name]["command"]]


def replaced(text: str, names: dict[str, str]) -> str:
    text = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", text)  # what compose takes where a variable isn't set
    for old, new in names.items():
        if text == old or text.startswith(f"{old}/"):
            return new + text[len(old) :]
    return text
