"""What ends the work on a burst without a label."""

from common.wire.messages import Reason


class RefusedError(Exception):
    """A burst gets an error reply instead of a label: its message is the reply's detail."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
