"""Variables of the environment that look like settings, and are none."""

import os
from importlib import import_module

from common.service.settings import ServiceSettings
from common.service.settings_errors import PREFIX, nearest

#: The settings of every command, as "module:class".
_SETTINGS = (
    "blindsight.web.settings.device:DeviceWebSettings",
    "blindsight.web.settings.console:ConsoleWebSettings",
    "broker.settings:BridgeSettings",
    "workers.settings:WorkerSettings",
    "blindsight.web.settings.status:StatusWebSettings",
)
#: Names of the variables that are no command's settings: the demo reads one, and `make` the other.
_OTHERS = (f"{PREFIX}SERVERS", f"{PREFIX}CACHE")


def unknown_variables(own: type[ServiceSettings]) -> list[str]:
    """A sentence for each variable of the environment that looks like a setting and is one of no command.

    `own` are the settings of the command that runs. Those of the other commands are imported only when a variable
    is none of the own: together they take as long as a whole start.
    """
    settings = {*_OTHERS, *_variables(own)}
    candidates = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in settings)
    if not candidates:
        return []
    for target in _SETTINGS:
        module, _, name = target.partition(":")
        settings.update(_variables(getattr(import_module(module), name)))
    names = dict.fromkeys(sorted(settings))
    return [_unknown(name, nearest(name.upper(), names)) for name in candidates if name.upper() not in settings]


def _variables(kind: type[ServiceSettings]) -> set[str]:
    return {f"{PREFIX}{name}".upper() for name in kind.model_fields}


def _unknown(name: str, like: str | None) -> str:
    return f"{name} in the environment is no setting" + (f"; did you mean {like}?" if like else "")
