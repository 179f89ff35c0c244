"""Labels, readings and alarms to the functions of a program that embeds the console."""

from collections.abc import Callable

from common.publishing.events import FrameLabel
from common.publishing.ways.functions import TARGET, Functions, call
from common.readings.reading import Reading
from console.outputs import QuietOutput
from console.record.record import Check, Record

#: Who calls the functions, as errors say it.
_WHO = "the console"


class ConsoleFunctions(QuietOutput):
    """Calls functions in the console's thread (`common.publishing.ways.functions`), `on_alarm` once for each alarm.

    Raises `CallbackError` when a function raises.
    """

    def __init__(
        self,
        record: Record,
        on_label: Callable[[FrameLabel], object] | None,
        on_reading: Callable[[Reading], object] | None,
        on_alarm: Callable[[Check], object] | None,
    ) -> None:
        if on_label is not None:
            record.outgoing.move("command", TARGET)  # an earlier version kept a function's labels under that name
        self._functions, self._on_alarm = Functions(_WHO, record.outgoing, on_label, on_reading), on_alarm

    def catch_up(self) -> None:
        """Give all labels and readings that are still to be given."""
        self._functions.catch_up()

    def label(self, label: FrameLabel) -> None:
        """A label was recorded."""
        self._functions.catch_up()

    def reading(self, reading: Reading) -> None:
        """A reading was recorded."""
        self._functions.catch_up()

    def alarm(self, check: Check) -> None:
        """A known answer came back wrong."""
        if self._on_alarm is not None:
            call(_WHO, "on_alarm", self._on_alarm, check)
