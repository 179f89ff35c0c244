"""Settings of `blindsight status`, which may be served."""

from pathlib import Path

from pydantic import Field

from blindsight.commands.status.settings import StatusSettings
from blindsight.web.settings.web import WEB, WebSettings


class StatusWebSettings(WebSettings, StatusSettings):
    """A status that may be served."""

    web_state: Path | None = Field(
        None, description="Folder for the accounts of the site in a browser.", json_schema_extra=WEB
    )
