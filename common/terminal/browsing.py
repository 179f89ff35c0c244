"""The part of a long list of devices that a terminal shows, by filter, order and first row; and the keys for that."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, TypeVar, get_args

from common.wire.status import Status

Order = Literal["trouble", "name", "pending", "parked"]
State = Literal["online", "offline"]
#: The values through which a key changes the order, and the state that is shown.
_ORDERS: tuple[Order, ...] = get_args(Order)
_STATES: tuple[State | None, ...] = (None, *get_args(State))
#: Characters of a filter, at most.
_LONGEST_FILTER = 64
Value = TypeVar("Value")


@dataclass(frozen=True)
class Device:
    """A row's device, by which a list is filtered and ordered; it has no status before it has published one."""

    name: str
    status: Status | None
    alarms: int = 0


#: The sorting key of each order.
_SORTING: dict[Order, Callable[[Device], tuple[object, ...]]] = {
    "trouble": lambda device: (
        not device.alarms,
        device.status is None or device.status.state == "online",
        device.status is None or not device.status.parked,
        device.name,
    ),
    "name": lambda device: (device.name,),
    "pending": lambda device: (-device.status.pending if device.status else 0, device.name),
    "parked": lambda device: (-device.status.parked if device.status else 0, device.name),
}


@dataclass
class Browser:
    """A view of a list of devices. `filter` is a part of the name, or a pattern with * or ? for all of it."""

    filter: str = ""
    state: State | None = None
    order: Order = "trouble"
    #: Rows above the first one that is shown.
    above: int = field(default=0, init=False)
    #: Rows that were shown last.
    page: int = field(default=1, init=False)
    #: Whether keys go to the filter.
    typing: bool = field(default=False, init=False)

    def select(self, devices: Iterable[Device]) -> list[Device]:
        """The devices that the filter lets through, in order."""
        return sorted(filter(self._matches, devices), key=_SORTING[self.order])

    def press(self, key: str) -> None:
        """Take a key, as `common.terminal.keyboard` names them; others do nothing."""
        if self.typing:
            self._type(key)
            return
        moves = {"up": -1, "down": 1, "page up": -self.page, "page down": self.page, " ": self.page}
        if key in moves:
            self.above = max(self.above + moves[key], 0)  # the end of the list stops it
        elif key in ("home", "end"):
            self.above = 0 if key == "home" else 2**31
        elif key == "/":
            self.typing, self.filter = True, ""
        elif key == "escape":
            self.filter, self.state = "", None
        elif key == "s":
            self.order = _after(_ORDERS, self.order)
        elif key == "o":
            self.state = _after(_STATES, self.state)

    def help(self) -> str:
        """What the keys do, and what is set."""
        if self.typing:
            return f"/{self.filter}_  Enter: keep the filter  Esc: show all"
        states = "all" if self.state is None else f"{self.state} only"
        pattern = f"/{self.filter}" if self.filter else "/ filter"
        return f"↑ ↓ PgUp PgDn: scroll  {pattern}  s: by {self.order}  o: {states}"

    def _type(self, key: str) -> None:
        self.above = 0
        if key == "enter":
            self.typing = False
        elif key == "escape":
            self.typing, self.filter = False, ""
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif len(key) == 1 and len(self.filter) < _LONGEST_FILTER:
            self.filter += key

    def _matches(self, device: Device) -> bool:
        if self.state is not None and (device.status is None or device.status.state != self.state):
            return False
        pattern, name = self.filter.lower(), device.name.lower()
        return fnmatchcase(name, pattern) if any(sign in pattern for sign in "*?[") else pattern in name


def _after(values: tuple[Value, ...], value: Value) -> Value:
    return values[(values.index(value) + 1) % len(values)]
