"""A clock that only goes forward, for deadlines and schedules: the wall clock's jumps don't reach it."""

import time

#: The clock that counts while the machine sleeps, too, where there is one (Linux).
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
#: Seconds since the epoch at which that clock was 0, as the wall clock had it when the process began.
_START = time.time() - time.clock_gettime(_CLOCK)


def now() -> float:
    """Seconds since the epoch: the wall clock's time when the process began, and the seconds that have passed since."""
    return _START + time.clock_gettime(_CLOCK)
