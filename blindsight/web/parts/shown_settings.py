"""The settings in force, as a page may show them: without secrets, and without the places where secrets are."""

from pathlib import Path

from pydantic import SecretStr

from common.service.settings import ServiceSettings
from common.service.settings_errors import flag_of, is_secret
from web.site import SettingView

#: Endings of the names of settings whose values are places of keys.
_KEY_PLACES = ("keys", "key", "key_file", "known_answers", "identities")


def settings_in_force(settings: ServiceSettings) -> tuple[SettingView, ...]:
    """Every setting of a service, in the order of its help."""
    views = []
    for name, field in type(settings).model_fields.items():
        extra = field.json_schema_extra
        panel = str(extra["panel"]) if isinstance(extra, dict) and "panel" in extra else ""
        value, secret = getattr(settings, name), is_secret(name, field) or name.endswith(_KEY_PLACES)
        shown = ("set" if value else "not set") if secret else _text(value)
        views.append(SettingView(panel, flag_of(name, field), shown, field.description or "", secret))
    return tuple(views)


def _text(value: object) -> str:
    match value:
        case None | "" | []:
            return "not set"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_text(each) for each in value)
        case SecretStr():
            return "set"
        case Path():
            return str(value)
        case _:
            return str(value)
