"""A clock that only goes forward, for deadlines and schedules: the wall clock's jumps don't reach it."""

import time

#: Counts while the machine sleeps too, where there is such a clock (Linux).
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_START = time.time() - time.clock_gettime(_CLOCK)


def now() -> float:
    """Seconds since the epoch, as the wall clock had it when the process began, and what has passed since."""
    return _START + time.clock_gettime(_CLOCK)
