"""When a device sends what its outbox holds: pure policy, so that a simulation of a thousand devices can use it.

A restart forgets all of it: then each burst is due again, and may be sent once more.
"""

import random

from common.wire.messages import ErrorReply

#: Seconds within which devices begin to send after they have returned, each at a random moment.
SPREAD = 5.0
#: Seconds without an answer after which a burst is sent again, at most, unless `patience` is longer. The limit is twice
#: `patience` for the first attempt, and doubles for each further one up to this.
_CEILING = 30.0
#: Seconds of a reply's advice that the device follows, at most: others could silence it for ever.
_MOST_ADVICE = 120.0
#: Seconds, at least and at most, until a burst is sent again for which there was no bridge.
_UNHEARD = (1.0, 4.0)
#: Seconds, at least and at most, until a burst is sent again that was changed on its way.
_CORRUPTED = (0.5, 1.5)


class Schedule:
    """How many bursts may be under way, and when each one is sent again.

    A device that returns begins with one burst, and each answer allows one more, up to `window`. A busy fleet takes
    the device back to one, and silence halves the number. `patience` is the time in seconds, at least, that an answer
    may take. Times are seconds of any clock that only goes forward.
    """

    def __init__(self, window: int, patience: float) -> None:
        self._window, self._patience = window, patience
        self._allowed = window
        self._hold = 0.0
        self._under_way: dict[str, float] = {}  # when the wait for each burst's answer ends
        self._silences: dict[str, int] = {}  # how many attempts of each burst nobody answered

    def returned(self, now: float) -> None:
        """Begin anew on a new connection, since what was under way may be lost.

        Others may return at the same time, so this begins after a moment, and slowly.
        """
        self._under_way.clear()
        self.pause(now, random.uniform(0, SPREAD))

    def room(self, now: float) -> int:
        """How many bursts may be sent now."""
        if now < self._hold:
            return 0
        return max(self._allowed - sum(until > now for until in self._under_way.values()), 0)

    def sent(self, job: str, now: float) -> float:
        """Count a burst as sent; returns when it is due again if nobody answers."""
        silences = self._silences.get(job, 0)
        if silences:
            self._allowed = max(self._allowed // 2, 1)
        self._silences[job] = silences + 1
        due = now + self._back_off(silences, self._patience)
        self._under_way[job] = due
        return due

    def answered(self, job: str) -> None:
        """Count a burst as answered by its labels."""
        if self.ended(job):
            self._allowed = min(self._allowed + 1, self._window)

    def ended(self, job: str) -> bool:
        """Forget a burst that won't be sent again; returns whether it was under way."""
        self._silences.pop(job, None)
        return self._under_way.pop(job, None) is not None

    def refused(self, reply: ErrorReply, now: float) -> float:
        """Count a burst as refused for a reason that may pass; returns when it is due again."""
        self._under_way.pop(reply.job, None)
        silences = self._forgive(reply.job)
        if reply.reason == "corrupted":
            return now + random.uniform(*_CORRUPTED)
        wait = self._back_off(silences, self._patience)
        if reply.retry_in is not None:
            wait = min(reply.retry_in, _MOST_ADVICE) * random.uniform(1.0, 1.2)
        if reply.reason == "busy":  # the fleet would refuse other bursts too
            return self.pause(now, wait)
        return now + wait

    def unheard(self, job: str, now: float) -> float:
        """Count a burst as one for which there was no bridge; returns when it is due again."""
        self._under_way.pop(job, None)
        self._forgive(job)
        return self.pause(now, random.uniform(*_UNHEARD))

    def pause(self, now: float, seconds: float) -> float:
        """Send nothing for so many seconds, and begin again with one burst; returns when that is."""
        self._hold, self._allowed = max(self._hold, now + seconds), 1
        return now + seconds

    def _forgive(self, job: str) -> int:
        """Don't count an attempt as silent that was answered by a refusal; returns how many silent ones remain."""
        silences = max(self._silences.get(job, 0) - 1, 0)
        if silences:
            self._silences[job] = silences
        else:
            self._silences.pop(job, None)
        return silences

    @staticmethod
    def _back_off(silences: int, first: float) -> float:
        ceiling = min(first * 2.0 ** min(silences + 1, 30), _CEILING)
        return random.uniform(first, max(ceiling, 1.25 * first))
