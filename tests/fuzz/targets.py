"""All targets by name."""

from tests.fuzz import cameras, networks, plans, stores, wire
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target for room in (plans, wire, stores, networks, cameras) for target in room.TARGETS
}
