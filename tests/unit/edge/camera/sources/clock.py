"""Time that passes only by sleeping."""


class Clock:
    """A clock at 50 s, and a sleep that takes `oversleep` longer than it should."""

    def __init__(self, oversleep: float = 0.0) -> None:
        self.now, self.oversleep = 50.0, oversleep

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self.oversleep
