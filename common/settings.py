"""Settings of the services: from flags, the environment (BLINDSIGHT_…) or a TOML file, in that order."""

from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from common.errors import ConfigurationError

PREFIX = "BLINDSIGHT_"


class ServiceSettings(BaseSettings):
    """What every service is told: where the broker is, how to log."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", validate_default=True)
    toml_file: ClassVar[Path | None] = None

    mqtt_host: str = Field("127.0.0.1", description="Host of the MQTT broker.")
    mqtt_port: int = Field(1883, ge=1, le=65535, description="Port of the MQTT broker.")
    mqtt_username: str | None = Field(None, description="MQTT user name.")
    mqtt_password: SecretStr | None = Field(None, description="MQTT password; better: a file.")
    mqtt_password_file: Path | None = Field(None, description="File that holds the MQTT password.")
    mqtt_ca_file: Path | None = Field(None, description="CA certificate; turns TLS on.")
    mqtt_cert_file: Path | None = Field(None, description="Client certificate for TLS.")
    mqtt_key_file: Path | None = Field(None, description="Private key of the client certificate.")
    mqtt_keepalive: int = Field(
        30, ge=1, le=120, description="Seconds after which a connection that fell silent is probed, and soon given up."
    )
    log_level: str = Field("info", description="debug, info, warning or error.")
    log_json: bool = Field(False, description="Log one JSON object a line.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls, cls.toml_file) if cls.toml_file else None
        return (init_settings, env_settings, *([toml] if toml else []))

    health_file: Path | None = Field(None, description="File touched every few seconds while all is well.")
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port for /metrics (Prometheus) and /health, by HTTP; none without it."
    )
    metrics_host: str = Field("127.0.0.1", description="Address on which they are served; whoever reaches it can read.")

    def password(self) -> str | None:
        """The MQTT password, from its file if there is one. Raises `ConfigurationError`."""
        return read_secret(self.mqtt_password_file, self.mqtt_password, "mqtt_password_file")


class KeyHolderSettings(ServiceSettings):
    """How the secret key on this machine is opened."""

    passphrase: SecretStr | None = Field(None, description="Passphrase of the secret key; better: a file.")
    passphrase_file: Path | None = Field(None, description="File that holds the passphrase of the secret key.")

    def secret_passphrase(self) -> str | None:
        """The passphrase, from its file if there is one. Raises `ConfigurationError`."""
        return read_secret(self.passphrase_file, self.passphrase, "passphrase_file")


class RedisSettings(ServiceSettings):
    """Where Redis is, for bridge and workers."""

    redis_url: str = Field("redis://127.0.0.1:6379/0", pattern=r"^rediss?://", description="URL of Redis.")
    redis_password_file: Path | None = Field(None, description="File that holds Redis's password.")

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
    """Settings of a service; flags that are None were not given.

    Raises `ConfigurationError` naming every setting that is wrong, its value and how to give it.
    """
    if config is not None and not config.is_file():
        raise ConfigurationError(f"the configuration file {config} doesn't exist")
    namespace = {"toml_file": config, "__module__": kind.__module__}
    bound: type[Settings] = type(kind.__name__, (kind,), namespace)
    try:
        return bound(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from None
    except (ValueError, RecursionError) as error:  # a TOML file that can't be parsed, or a value from the environment
        raise ConfigurationError(f"settings can't be read: {error}") from None


def read_secret(path: Path | None, inline: SecretStr | None, name: str) -> str | None:
    """A secret from a file, or the one given directly."""
    if path is None:
        return inline.get_secret_value() if inline else None
    try:
        secret = path.read_text().rstrip("\n")
    except OSError as error:
        raise ConfigurationError(f"{name} is {path}, which can't be read: {error.strerror}") from error
    if not secret:
        raise ConfigurationError(f"{name} is {path}, which is empty")
    return secret


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_url=False):
        name = ".".join(map(str, item["loc"])) or "settings"
        value = "" if item["type"] in ("missing", "extra_forbidden") else f" (got {item['input']!r})"
        flag = "--" + name.replace("_", "-")
        lines.append(f"{name}: {item['msg']}{value}; give {flag} or {PREFIX}{name.upper()}")
    return "\n".join(lines)
