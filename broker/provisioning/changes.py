"""What a run of `blindsight provision` changed, and what running servers need to take it up."""

from collections.abc import Sequence

#: Names that one sentence has at most.
_MOST_NAMES = 20


class Changes:
    """What one run changed: `notes` in their order; `reload`, whether Mosquitto needs SIGHUP; servers to `restart`."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.reload = False
        self.restart: set[str] = set()

    def note(self, what: str, names: Sequence[str]) -> None:
        """Note what happened to these users, if there are any."""
        if names:
            self.notes.append(f"{what}: {listed(names)}")


def listed(names: Sequence[str]) -> str:
    """Names for a sentence; of many names only the first, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
