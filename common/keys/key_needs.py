"""What plans need of a key set: workers announce it in Redis, and bridges check uploads against it.

A plan's needs are remembered for half a day after its last worker announced them, so that key holders aren't
turned away while a fleet restarts or a model is replaced.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import msgspec

from common.ckks.parameters import Parameters
from common.errors import BlindsightError, WireError
from common.logs import get_logger
from common.plan.plan import PlanHead

if TYPE_CHECKING:  # for devices and the console, which import this module and need no Redis
    import redis

#: Seconds that a plan's needs are remembered.
_TTL_SECONDS = 12 * 3600
#: The key of Redis's set of plans' hashes, and the beginning of the keys of their needs.
_PLANS = "blindsight:key-needs"
#: The largest number of rotation keys in a key set.
_MAX_ROTATIONS = 1024

log = get_logger(__name__)


class KeyNeeds(msgspec.Struct, frozen=True):
    """The part of a plan's head that tells which key sets serve it.

    `hash` is the plan's; `rotations` maps steps (slots) to the highest level at which each is used.
    """

    model: str
    hash: str
    parameters: Parameters
    rotations: dict[int, int]
    relinearisation_level: int | None
    sealed_for: str | None = None


#: Whatever tells what a plan needs of a key set.
Needs = PlanHead | KeyNeeds


def needs_of(head: PlanHead) -> KeyNeeds:
    """What a plan needs of a key set."""
    return KeyNeeds(**{name: getattr(head, name) for name in KeyNeeds.__struct_fields__})


def check_levels(parameters: Parameters, relinearisation_level: int | None, rotations: Mapping[int, int]) -> None:
    """Raise `WireError` for a level or a step (slots) that the parameters don't have, or for too many steps."""
    if len(rotations) > _MAX_ROTATIONS:
        raise WireError(f"{len(rotations)} rotation keys; at most {_MAX_ROTATIONS} are taken")
    levels: list[tuple[int | str, int]] = list(rotations.items())
    if relinearisation_level is not None:
        levels.append(("relinearisation", relinearisation_level))
    for name, level in levels:
        if not 0 <= level <= parameters.levels:
            raise WireError(
                f"the key for {name} has level {level}; the parameters have levels 0 to {parameters.levels}"
            )
        if isinstance(name, int) and not 0 < name < parameters.slots:
            raise WireError(f"rotation step {name} is outside 1 … {parameters.slots - 1}")


class ServedNeeds:
    """In Redis, the needs of all plans that are served, or were lately. Every method raises `redis.RedisError`."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def announce(self, plans: Sequence[KeyNeeds]) -> None:
        """Announce that a worker serves these plans."""
        with self._redis.pipeline() as pipeline:
            for needs in plans:
                pipeline.sadd(_PLANS, needs.hash)
                pipeline.set(_key(needs.hash), msgspec.json.encode(needs), ex=_TTL_SECONDS)
            pipeline.expire(_PLANS, _TTL_SECONDS)
            pipeline.execute()

    def all(self) -> list[KeyNeeds]:
        """All needs that were announced lately, ordered by their plans' hashes, without entries that can't be read."""
        plans = sorted(plan.decode(errors="replace") for plan in cast("set[bytes]", self._redis.smembers(_PLANS)))
        if not plans:
            return []
        entries = cast("list[bytes | None]", self._redis.mget([_key(plan) for plan in plans]))
        expired = [plan for plan, entry in zip(plans, entries, strict=True) if entry is None]
        if expired:
            self._redis.srem(_PLANS, *expired)
        return [needs for entry in entries if entry is not None for needs in _decoded(entry)]


def _decoded(entry: bytes) -> list[KeyNeeds]:
    """The needs in an entry; an empty list, and a line in the log, for one that can't be read."""
    try:
        needs = msgspec.json.decode(entry, type=KeyNeeds)
        check_levels(needs.parameters, needs.relinearisation_level, needs.rotations)
    except (msgspec.DecodeError, BlindsightError, ValueError, RecursionError) as error:
        log.warning("ignored what a worker is said to need of key sets", reason=str(error))
        return []
    return [needs]


def _key(plan: str) -> str:
    return f"{_PLANS}:{plan}"
