"""Labels and readings to the functions of a program that holds the key itself."""

from collections.abc import Callable
from typing import TypeVar

from common.errors import CallbackError
from common.publishing.events import FrameLabel, decode_event
from common.publishing.outgoing import Outgoing, Target
from common.readings.reading import Reading

#: The target of events that are to be given to functions.
TARGET: Target = "function"
#: Events that are read at once.
_BATCH = 100

_Found = TypeVar("_Found")


class Functions:
    """Calls functions at least once for each event, in order of their record, in the thread that calls `catch_up`.

    An event whose call raised, or behind which the process died, comes again at the next start. `who` calls, as errors
    say it.
    """

    def __init__(
        self,
        who: str,
        outgoing: Outgoing,
        on_label: Callable[[FrameLabel], object] | None,
        on_reading: Callable[[Reading], object] | None,
    ) -> None:
        self._who, self._outgoing, self._on_label, self._on_reading = who, outgoing, on_label, on_reading
        self._some = on_label is not None or on_reading is not None

    def catch_up(self) -> None:
        """Give all events that are still to be given. Raises `CallbackError` when a function raises."""
        while self._some and (waiting := self._outgoing.first(TARGET, _BATCH)):
            unwanted = []
            for each in waiting:
                event = decode_event(each.body)
                if isinstance(event, Reading) and self._on_reading is not None:
                    call(self._who, "on_reading", self._on_reading, event)
                elif isinstance(event, FrameLabel) and self._on_label is not None:
                    call(self._who, "on_label", self._on_label, event)
                else:
                    unwanted.append(each.number)
                    continue
                self._outgoing.sent([each.number])
            self._outgoing.sent(unwanted)


def call(who: str, name: str, function: Callable[[_Found], object], found: _Found) -> None:
    """Call a function. Raises `CallbackError`, which names it and who called it, when it raises."""
    try:
        function(found)
    except Exception as error:
        raise CallbackError(f"{name} raised {type(error).__name__}; {who} stops") from error
