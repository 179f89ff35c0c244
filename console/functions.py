"""Labels and alarms to the functions of a program that embeds the console."""

from collections.abc import Callable
from typing import TypeVar

from common.errors import CallbackError
from console.outputs import QuietOutput
from console.record.record import Check, FrameLabel, Record, Target

#: The record's name for a program that labels are still to be given to.
TARGET: Target = "command"
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
        self._record, self._on_label, self._on_alarm = record, on_label, on_alarm

    def catch_up(self) -> None:
        """Give all labels that are still to be given."""
        while self._on_label is not None and (waiting := self._record.unforwarded(TARGET, _BATCH)):
            for each in waiting:
                _call("on_label", self._on_label, each.label)
                self._record.forwarded([each.number])

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
