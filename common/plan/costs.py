"""What an engine's work costs, in milliseconds: rows, by what is done with them, times what each takes.

The times are measured on the machine (`blindsight calibrate`) and kept in a file; without one those that ship are used,
which were measured on one core of an AMD EPYC with AVX2. Plans are compiled by the native engine's that ship, so that
everybody compiles the same ones.
"""

import os
from pathlib import Path
from typing import Annotated

import msgspec

from common.ckks.parameters import RING_DIMENSIONS
from common.engine_names import EngineName
from common.errors import ConfigurationError
from common.files import read_file
from common.plan.work import Rows, StageWork, rows_of

#: The file of the times that ship.
_SHIPPED = Path(__file__).with_name("costs.json")
#: Bytes of the largest file of times.
_MOST_BYTES = 1 << 20

#: Microseconds of a row by ring dimension.
Times = dict[int, Annotated[float, msgspec.Meta(ge=0, le=1e9)]]


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each kind of row takes on an engine, in µs by ring dimension; the fields are those of `Rows`."""

    engine: EngineName
    transform: Times
    key_product: Times
    product: Times
    tensor_product: Times
    wire: Times

    def ms(self, rows: Rows, ring_dimension: int) -> float:
        """Time of rows, in ms."""
        times: list[Times] = [getattr(self, kind) for kind in Rows._fields]
        return sum(count * time[ring_dimension] for count, time in zip(rows, times, strict=True)) / 1000

    def rotation_ms(self, ring_dimension: int, level: int) -> float:
        """Time of one rotation of one ciphertext at a level, in ms."""
        return self.stage_ms(StageWork(targets=1, hoists=1, babies=1), ring_dimension, level)

    def stage_ms(self, work: StageWork, ring_dimension: int, level: int) -> float:
        """Time of one linear stage at a level, and of the squares behind it, in ms."""
        return self.ms(rows_of(self.engine, work, level), ring_dimension)


def costs_path() -> Path:
    """Where this machine's own times are kept. Raises `ConfigurationError` for a user without a home."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():  # such a variable is to be ignored, says its standard
        try:
            cache = Path.home() / ".cache"
        except RuntimeError:
            raise ConfigurationError(
                "there is no folder for this machine's times: this user has no home, and HOME isn't set; "
                "set XDG_CACHE_HOME to a folder that can be written"
            ) from None
    return cache / "blindsight" / "costs.json"


def load_costs(engine: EngineName) -> Costs:
    """This machine's times of an engine, or those that ship. Raises `ConfigurationError` for a damaged or old file."""
    try:
        path = costs_path()
        data = read_file(path, _MOST_BYTES)
    except (ConfigurationError, OSError):  # no home, nothing there, or nothing that this user may read
        return shipped_costs(engine)
    return _decode(path, data).get(engine) or shipped_costs(engine)


def shipped_costs(engine: EngineName = "native") -> Costs:
    """The times that ship."""
    return _decode(_SHIPPED, _SHIPPED.read_bytes())[engine]


def _decode(path: Path, data: bytes) -> dict[EngineName, Costs]:
    """The times in a file, of some engines."""
    fix = "run blindsight calibrate, or delete the file"
    try:
        costs = msgspec.json.decode(data, type=list[Costs])
    except (ValueError, RecursionError) as error:  # msgspec's errors are a kind of ValueError
        raise ConfigurationError(
            f"the times in {path} can't be read, or are those of an earlier version ({error}); {fix}"
        ) from error
    if any(ring not in getattr(one, kind) for one in costs for kind in Rows._fields for ring in RING_DIMENSIONS):
        raise ConfigurationError(f"{path} lacks times; {fix}")
    return {one.engine: one for one in costs}
