"""Labels and alarms to the functions of a program that embeds the console."""

from collections.abc import Callable
from typing import TypeVar

from common.errors import CallbackError
from common.publishing.events import FrameLabel, decode_event
from common.publishing.outgoing import Target
from console.outputs import QuietOutput
from console.record.record import Check, Record

#: The record's name for a program's function that labels are still to be given to.
TARGET: Target = "function"
#: Labels that are read from the record at once.
_BATCH = 100

_Found = TypeVar("_Found")


class Functions(QuietOutput):
    """Calls functions in the console's thread, `on_label` at least once for each label, in order of their record.

    The record remembers which labels are still to be given: one whose call raised, or behind which the process died,
    comes again at the next start. Raises `CallbackError` when a function raises.
    """

    def __init__(
        self,
        record: Record,
        on_label: Callable[[FrameLabel], object] | None,
        on_alarm: Callable[[Check], object] | None,
    ) -> None:
        self._outgoing, self._on_label, self._on_alarm = record.outgoing, on_label, on_alarm
        if on_label is not None:
            self._outgoing.move("command", TARGET)  # an earlier version kept a function's labels under that name

    def catch_up(self) -> None:
        """Give all labels that are still to be given."""
        while self._on_label is not None and (waiting := self._outgoing.first(TARGET, _BATCH)):
            for each in waiting:
                event = decode_event(each.body)
                if isinstance(event, FrameLabel):
                    _call("on_label", self._on_label, event)
                self._outgoing.sent([each.number])

    def label(self, label: FrameLabel) -> None:
        """A label was recorded."""
        self.catch_up()

    def alarm(self, check: Check) -> None:
        """A known answer came back wrong."""
        if self._on_alarm is not None:
            _call("on_alarm", self._on_alarm, check)


def _call(name: str, function: Callable[[_Found], object], found: _Found) -> None:
    try:
        function(found)
    except Exception as error:
        raise CallbackError(f"{name} raised {type(error).__name__}; the console stops") from error
