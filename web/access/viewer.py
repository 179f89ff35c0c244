"""Whoever asks: a person with a session, or a program with a token, and what each may see and do."""

from dataclasses import dataclass
from typing import Literal

#: A viewer sees, a keeper also changes: retries, drops and exports dead letters.
Role = Literal["viewer", "keeper"]
#: What a token is good for: `read` to see, `keep` to change besides. Neither goes beyond its account's role.
Scope = Literal["read", "keep"]


@dataclass(frozen=True)
class Viewer:
    """Who asks, as a route gets it. `devices` are those that they may see; None is all of them.

    `csrf` is what each form (field `csrf`) and each fetch that changes something (header `X-CSRF-Token`) has to carry;
    it is empty for a token, which needs none. `session` names the session within this process, and `token` is the id of
    the token; whoever asks has one of them.
    """

    name: str
    role: Role
    devices: frozenset[str] | None = None
    csrf: str = ""
    session: str | None = None
    token: str | None = None

    @property
    def may_keep(self) -> bool:
        """Whether they may change something."""
        return self.role == "keeper"

    def may_see(self, device: str) -> bool:
        """Whether they may see a device, its labels and all else about it."""
        return self.devices is None or device in self.devices
