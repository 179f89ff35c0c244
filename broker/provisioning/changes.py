"""What a run of `blindsight provision` changed, and what running servers need to take it up."""

from collections.abc import Sequence

#: Names in one sentence, at most.
_NAMED = 20


class Changes:
    """Notes of one run, in order: sentences, whether Mosquitto needs SIGHUP, and servers to be started again."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.reload = False
        self.restart: set[str] = set()

    def note(self, what: str, names: Sequence[str]) -> None:
        """Note what happened to these users, if there are any."""
        if names:
            self.notes.append(f"{what}: {listed(names)}")


def listed(names: Sequence[str]) -> str:
    """Names for a sentence, not too many."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
