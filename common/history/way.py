"""The way of events into the history of the key holder itself."""

from collections.abc import Sequence

from common.history.history import History
from common.publishing.events import decode_event
from common.publishing.outgoing import Target
from common.publishing.ways.way import Way


class HistoryWay(Way):
    """Adds each event to a history, which has it once however often it is sent."""

    target: Target = "history"
    batch = 500
    longest_pause = 15.0  # an attempt costs nothing

    def __init__(self, history: History) -> None:
        self._history = history

    def send(self, bodies: Sequence[bytes]) -> None:
        """Add events. Raises `HistoryError` where the file can't be written now."""
        self._history.add([decode_event(body) for body in bodies])
