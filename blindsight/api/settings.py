"""Settings of services from what a program gives: a broker's URL, files, and the parameters of a class."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from blindsight.api.plans import FilePath
from common.errors import ConfigurationError
from common.service.settings import KeyHolderSettings, ServiceSettings
from common.service.settings_errors import is_secret
from common.wire.broker_url import read_broker_url

Settings = TypeVar("Settings", bound=ServiceSettings)

_FORM = "give mqtt://USER:PASSWORD@HOST:PORT, or mqtts://… with ca=FILE"


def make_settings(kind: type[Settings], broker: str, values: Mapping[str, object]) -> Settings:
    """Settings from a broker's URL and these values alone: neither the environment nor a file has a say in them.

    Values that are None were left out. Raises `ConfigurationError` naming what is wrong, and no secret.
    """

    class FromValuesAlone(kind):  # type: ignore[valid-type,misc]
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **_: object
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings,)

    values_set = {name: value for name, value in values.items() if value is not None}
    try:
        settings: Settings = FromValuesAlone(**{**_connection(broker, values_set), **values_set})
    except ValidationError as error:
        raise ConfigurationError("; ".join(_told(item, kind) for item in error.errors(include_url=False))) from None
    settings.password()  # now, not in the thread
    if isinstance(settings, KeyHolderSettings):
        settings.secret_passphrase()
    return settings


def address(settings: ServiceSettings) -> str:
    """Where a broker is, without user and password."""
    return f"{settings.mqtt_host}:{settings.mqtt_port}"


def as_path(path: FilePath | None) -> str | None:
    """A file's path as settings take it."""
    return None if path is None else str(path)


def as_group_texts(groups: Mapping[str, Sequence[str]] | None) -> list[str] | None:
    """Groups of labels as settings take them. Raises `ConfigurationError` for what these can't say."""
    if groups is None:
        return None
    for name, labels in groups.items():
        if isinstance(labels, str) or "=" in name or any("," in label for label in labels):
            raise ConfigurationError(
                f"groups has {labels!r} for {name!r}; give a list of labels, none with a comma, for a name without ="
            )
    return [f"{name}={','.join(labels)}" for name, labels in groups.items()]


def _connection(broker: str, values_set: Mapping[str, object]) -> dict[str, object]:
    try:
        url = read_broker_url(broker)
    except ValueError as error:
        raise ConfigurationError(f"broker {error}; {_FORM}") from None
    scheme, ca = "mqtts" if url.secure else "mqtt", values_set.get("mqtt_ca_file")
    if url.secure != (ca is not None):
        raise ConfigurationError(
            f"broker is {scheme}://{url.host}, "
            + ("which needs the CA certificate that its own is checked with: give ca=FILE" if url.secure else "")
            + ("" if url.secure else "and ca is given, which is for TLS: write mqtts://")
        )
    connection: dict[str, object] = {"mqtt_host": url.host, "mqtt_port": url.port}
    if url.user is not None:
        connection["mqtt_username"] = url.user
    if url.password is not None:
        connection["mqtt_password"] = url.password
    return connection


def _told(item: Any, kind: type[ServiceSettings]) -> str:
    name, value = str(item["loc"][0]) if item["loc"] else "a parameter", item["input"]
    field = kind.model_fields.get(name)
    open_number = isinstance(value, int | float) and field is not None and not is_secret(name, field)
    shown = f" (got {value!r})" if open_number else ""
    return f"{name}: {item['msg']}{shown}"
