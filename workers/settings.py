"""Settings of `blindsight worker`."""

from pathlib import Path

from pydantic import Field

from common.engine_names import ENGINE_HELP, EngineName
from common.fleet.time_limits import TIME_LIMIT
from common.service.settings import Extra, RedisSettings

WORK: Extra = {"panel": "Plans and evaluation"}
MEMORY: Extra = {"panel": "Caches"}


class WorkerSettings(RedisSettings):
    """What a worker serves, and how. It serves all of `plans`; the hash in a frame's message selects one."""

    plans: list[Path] = Field(
        min_length=1,
        description="Plan file to serve, or name of a shipped model; --plans once for each.",
        json_schema_extra=WORK,
    )
    concurrency: int = Field(
        1, ge=1, le=256, description="Frames evaluated at once, one process each.", json_schema_extra=WORK
    )
    engine: EngineName | None = Field(None, description=ENGINE_HELP, json_schema_extra=WORK)
    key_cache_mb: int = Field(512, ge=1, description="Key sets held by all processes, in MB.", json_schema_extra=MEMORY)
    key_folder: Path | None = Field(
        None,
        description="Private folder for key sets that processes share; by default one of the user's caches.",
        json_schema_extra=MEMORY,
    )
    weight_cache_mb: int = Field(
        512,
        ge=0,
        description="With --engine pyfhel, weights of sealed plans held by each process, in MB; others are read anew.",
        json_schema_extra=MEMORY,
    )
    result_ttl: int = Field(
        60,
        ge=1,
        description="Seconds for which a repeated job gets its old label; each takes its size in Redis.",
        json_schema_extra=MEMORY,
    )
    time_limit: int = Field(
        TIME_LIMIT,
        ge=1,
        description="Seconds after which an evaluation is ended; the same for all workers.",
        json_schema_extra=WORK,
    )
    stop_timeout: int = Field(
        20,
        ge=0,
        description="Seconds to finish the frame in work when told to stop; then another worker gets it.",
        json_schema_extra=WORK,
    )
