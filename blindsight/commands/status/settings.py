"""Settings of `blindsight status`."""

from pydantic import Field

from common.service.settings import Extra, RedisSettings
from common.terminal.browsing import Order, State

#: The panel of the help for the options that choose devices.
DEVICES: Extra = {"panel": "Devices"}


class StatusSettings(RedisSettings):
    """Where to ask: the broker's port for services, with the bridge's credentials, and Redis."""

    filter: str = Field(
        "",
        description="Only devices whose names have this in them, or fit a pattern such as 'gate-*'.",
        json_schema_extra=DEVICES,
    )
    device_state: State | None = Field(
        None, description="Only devices in this state.", json_schema_extra={**DEVICES, "flag": "--state"}
    )
    sort: Order = Field(
        "trouble",
        description="Which devices come first; trouble: those with alarms, offline ones, and those with dead letters.",
        json_schema_extra=DEVICES,
    )
    as_json: bool = Field(
        False, description="Print one snapshot as JSON, and end.", json_schema_extra={"flag": "--json"}
    )
