"""Settings of `blindsight bridge`."""

from pydantic import Field

from common.service.settings import CONNECTION, Extra, RedisSettings

KEEPING: Extra = {"panel": "Frames and keys"}
FLOW: Extra = {"panel": "Flow control"}


class BridgeSettings(RedisSettings):
    """How much a bridge takes from devices, and how long it keeps that."""

    frame_ttl: int = Field(
        600, ge=1, description="Seconds for which a frame waits for a worker.", json_schema_extra=KEEPING
    )
    key_ttl: int = Field(
        604800, ge=60, description="Seconds for which unused evaluation keys are kept.", json_schema_extra=KEEPING
    )
    max_frames_per_minute: int | None = Field(
        None,
        ge=1,
        description="Frames taken from a device in a minute; the rest it has to send again.",
        json_schema_extra=FLOW,
    )
    max_queue: int = Field(
        256, ge=1, description="Bursts that wait for a worker or are in work, at most.", json_schema_extra=FLOW
    )
    max_queue_mb: int = Field(
        512,
        ge=1,
        description="The same bound in MB; Redis needs as much memory again for keys and labels.",
        json_schema_extra=FLOW,
    )
    receive_maximum: int = Field(
        64,
        ge=1,
        le=65535,
        description="Messages asked for before the first is acknowledged; brokers may send more at once.",
        json_schema_extra=CONNECTION,
    )
