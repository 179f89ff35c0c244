"""Whether and where a site is served to browsers."""

from pathlib import Path

from pydantic import BaseModel, Field

from common.service.settings import Extra

WEB: Extra = {"panel": "Site in a browser"}


class WebSettings(BaseModel):
    """Whether the site is served to browsers, where, and how."""

    web: bool = Field(False, description="Serve the site in a browser, and as REST.", json_schema_extra=WEB)
    web_host: str = Field(
        "127.0.0.1",
        description="Address on which it is served; any but this machine's own needs an account, and TLS.",
        json_schema_extra=WEB,
    )
    web_port: int = Field(
        0, ge=0, le=65535, description="Its port; without one a free one, which is printed.", json_schema_extra=WEB
    )
    web_name: list[str] = Field(
        default_factory=list,
        description="Name by which browsers call it, besides that address; --web-name once for each.",
        json_schema_extra=WEB,
    )
    web_cert_file: Path | None = Field(
        None, description="Its certificate for TLS, with those that sign it.", json_schema_extra=WEB
    )
    web_key_file: Path | None = Field(None, description="The private key of that certificate.", json_schema_extra=WEB)
    web_insecure: bool = Field(
        False,
        description="Serve it to others without TLS: a proxy in front of it has TLS, say.",
        json_schema_extra=WEB,
    )
