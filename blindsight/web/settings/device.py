"""Settings of `blindsight device`, whose site may be served."""

from pydantic import Field, field_validator

from blindsight.web.settings.web import WEB, WebSettings
from common.service.ages import check_age, seconds_of
from edge.settings import DeviceSettings


class DeviceWebSettings(WebSettings, DeviceSettings):
    """A device that may serve its site."""

    keep: str | None = Field(
        None,
        description="Delete labels of the site's history that were recorded longer ago, such as 90d, 12h or 4w; for "
        "ever without it.",
        json_schema_extra=WEB,
    )

    @field_validator("keep")
    @classmethod
    def _keep_is_an_age(cls, keep: str | None) -> str | None:
        return check_age(keep)

    def keep_seconds(self) -> float | None:
        """The age in seconds at which labels are deleted; None when they are kept for ever."""
        return None if self.keep is None else seconds_of(self.keep)
