"""Settings of `blindsight bridge`."""

from pydantic import Field

from common.settings import RedisSettings


class BridgeSettings(RedisSettings):
    """How long what devices sent is kept."""

    frame_ttl: int = Field(600, ge=1, description="Seconds for which a frame waits for a worker.")
    key_ttl: int = Field(604800, ge=60, description="Seconds for which unused evaluation keys are kept.")
    max_key_mb: int = Field(
        500,
        ge=1,
        le=500,
        description="Largest evaluation keys taken from a device, in MB; Redis holds no value over 512.",
    )
    max_frames_per_minute: int | None = Field(
        None, ge=1, description="Frames taken from a device in a minute; the rest it has to send again."
    )
    max_queue: int = Field(256, ge=1, description="Bursts that wait for a worker or are in work, at most.")
    max_queue_mb: int = Field(
        512, ge=1, description="The same bound in MB; Redis needs as much memory again for keys and labels."
    )
    receive_maximum: int = Field(
        16,
        ge=1,
        le=65535,
        description="Messages asked for before the first is acknowledged; brokers may send more at once.",
    )
