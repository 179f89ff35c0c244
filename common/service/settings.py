"""Settings of the services: from flags, the environment (BLINDSIGHT_…) or a TOML file, in that order."""

import tomllib
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, JsonValue, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from common.errors import ConfigurationError
from common.service.settings_errors import PREFIX, TomlFile, explain

#: Bytes of a file of settings, or of one secret, at most.
_MOST_BYTES = 1_000_000
#: The first character of text files that some editors write, which isn't part of the text.
_BYTE_ORDER_MARK = "\ufeff"
#: The least and the largest number of a setting, whether seconds, frames a second or MB; 0 is allowed too.
_LEAST, _MOST = 1e-6, 2**31 - 1

# Panels of `--help`, for fields' `json_schema_extra`. There, `flag` is another name on the command
# line, and `secret` says that a value may hold one though its type doesn't tell.
Extra = dict[str, JsonValue]
CONNECTION: Extra = {"panel": "Connection"}
TLS: Extra = {"panel": "TLS"}
KEYS: Extra = {"panel": "Keys"}
REDIS: Extra = {"panel": "Redis"}
LOGGING: Extra = {"panel": "Logging"}
MONITORING: Extra = {"panel": "Health and metrics"}


class ServiceSettings(BaseSettings):
    """The settings of every service: where the broker is, how to log."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", validate_default=True, allow_inf_nan=False)
    #: What the TOML file says; set by `load_settings`.
    from_file: ClassVar[dict[str, Any]] = {}

    mqtt_host: str = Field("127.0.0.1", description="Host of the MQTT broker.", json_schema_extra=CONNECTION)
    mqtt_port: int = Field(1883, ge=1, le=65535, description="Port of the MQTT broker.", json_schema_extra=CONNECTION)
    mqtt_username: str | None = Field(None, description="MQTT user name.", json_schema_extra=CONNECTION)
    mqtt_password: SecretStr | None = Field(
        None, description="MQTT password; better: a file.", json_schema_extra=CONNECTION
    )
    mqtt_password_file: Path | None = Field(
        None, description="File that holds the MQTT password.", json_schema_extra=CONNECTION
    )
    mqtt_keepalive: int = Field(
        30,
        ge=1,
        le=120,
        description="Seconds after which a connection that fell silent is probed, and soon given up.",
        json_schema_extra=CONNECTION,
    )
    mqtt_ca_file: Path | None = Field(None, description="CA certificate; turns TLS on.", json_schema_extra=TLS)
    mqtt_cert_file: Path | None = Field(None, description="Client certificate for TLS.", json_schema_extra=TLS)
    mqtt_key_file: Path | None = Field(
        None, description="Private key of the client certificate.", json_schema_extra=TLS
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least that is logged.", json_schema_extra=LOGGING
    )
    log_json: bool = Field(False, description="Log one JSON object a line.", json_schema_extra=LOGGING)
    health_file: Path | None = Field(
        None, description="File touched every few seconds while all is well.", json_schema_extra=MONITORING
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port for /metrics (Prometheus) and /health, by HTTP; none without it.",
        json_schema_extra=MONITORING,
    )
    metrics_host: str = Field(
        "127.0.0.1",
        description="Address on which they are served; whoever reaches it can read.",
        json_schema_extra=MONITORING,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, InitSettingsSource(settings_cls, cls.from_file)

    @field_validator("*")
    @classmethod
    def _usable(cls, value: object) -> object:
        """What system calls, Redis and clocks raise at: null characters, and numbers out of all proportion."""
        for each in value if isinstance(value, list) else [value]:
            text = each.get_secret_value() if isinstance(each, SecretStr) else each
            if isinstance(text, str | Path) and "\0" in str(text):
                raise ValueError("it can't hold a null character")
            if isinstance(text, int | float) and text and not _LEAST <= abs(text) <= _MOST:
                raise ValueError(f"a number is at least {_LEAST} and at most {_MOST:,}")
        return value

    def password(self) -> str | None:
        """The MQTT password, from its file if there is one. Raises `ConfigurationError`."""
        return read_secret(self.mqtt_password_file, self.mqtt_password, "mqtt_password_file")


class KeyHolderSettings(ServiceSettings):
    """How the secret key on this machine is opened."""

    passphrase: SecretStr | None = Field(
        None, description="Passphrase of the secret key; better: a file.", json_schema_extra=KEYS
    )
    passphrase_file: Path | None = Field(
        None, description="File that holds the passphrase of the secret key.", json_schema_extra=KEYS
    )

    def secret_passphrase(self) -> str | None:
        """The passphrase, from its file if there is one. Raises `ConfigurationError`."""
        if self.passphrase_file is None and self.passphrase is not None and not self.passphrase.get_secret_value():
            # A variable that was meant to be set, say: the secret key would lie open.
            raise ConfigurationError("passphrase is empty; give one, or leave it out for a secret key without")
        return read_secret(self.passphrase_file, self.passphrase, "passphrase_file")


class RedisSettings(ServiceSettings):
    """Where Redis is, for bridge and workers."""

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        pattern=r"^rediss?://",
        description="URL of Redis.",
        json_schema_extra={**REDIS, "secret": True},
    )
    redis_password_file: Path | None = Field(
        None, description="File that holds Redis's password.", json_schema_extra=REDIS
    )

    @field_validator("redis_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if urlsplit(value).port == 0:  # and what is no port number raises, too
            raise ValueError("port 0 is nobody's")
        return value

    def redis_address(self) -> str:
        """The URL without a password, for logs and errors."""
        parts = urlsplit(self.redis_url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def redis_dsn(self) -> str:
        """The URL with the password in it; never to be logged. Raises `ConfigurationError`."""
        password = read_secret(self.redis_password_file, None, "redis_password_file")
        if password is None:
            return self.redis_url
        parts = urlsplit(self.redis_url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f":{quote(password, safe='')}@{host}"))


Settings = TypeVar("Settings", bound=ServiceSettings)


def load_settings(kind: type[Settings], config: Path | None, flags: dict[str, Any]) -> Settings:
    """The settings of a service; a flag that is None isn't set.

    Raises `ConfigurationError`, which names every setting that is wrong, its value and how to set it, and no secret.
    """
    file = None if config is None else TomlFile(config, read_text(config, "config").removeprefix(_BYTE_ORDER_MARK))
    namespace = {"from_file": {} if file is None else _parse(file), "__module__": kind.__module__}
    bound: type[Settings] = type(kind.__name__, (kind,), namespace)
    present = {name: value for name, value in flags.items() if value is not None}
    try:
        settings = bound(**present)
    except ValidationError as error:
        raise ConfigurationError(explain(error, kind, file, present)) from None
    except SettingsError as error:  # a list's variable, whose text is JSON
        name = str(error).partition('"')[2].partition('"')[0]
        raise ConfigurationError(f'{PREFIX}{name.upper()} is no JSON; a list is given so: ["a", "b"]') from None
    for name, value in settings:
        if name.endswith(("password_file", "passphrase_file")):
            read_secret(value, None, name)  # now, not when a broker is there
    return settings


def read_secret(path: Path | None, inline: SecretStr | None, name: str) -> str | None:
    """A secret from the file at `path`, or else `inline`. Raises `ConfigurationError`, which names `name`."""
    if path is None:
        return inline.get_secret_value() if inline else None
    secret = read_text(path, name).rstrip("\r\n")
    if not secret:
        raise ConfigurationError(f"{name} is {path}, which is empty")
    return secret


def read_text(path: Path, name: str) -> str:
    """A small text file, which the setting `name` names. Raises `ConfigurationError`."""
    data = b""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{name} is {path}, which isn't UTF-8 text (line {line})") from None
    except FileNotFoundError:
        raise ConfigurationError(f"{name} is {path}, which doesn't exist") from None
    except OSError as error:
        raise ConfigurationError(f"{name} is {path}, which can't be read: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise ConfigurationError(f"{name} is {path}, which has more than {_MOST_BYTES:,} bytes; give the right file")
    return text


def _parse(file: TomlFile) -> dict[str, Any]:
    fix = "a line is a name and a value, such as: mqtt_port = 1883"
    try:
        return tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"config is {file.path}, which is no TOML: {error}; {fix}") from None
    except (RecursionError, ValueError):  # ValueError: an impossible date or number, which tomllib lets through
        raise ConfigurationError(f"config is {file.path}, which can't be read as TOML; {fix}") from None
