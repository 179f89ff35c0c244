"""When a device sends what its outbox holds: pure policy, so that a simulation of a thousand devices can use it.

Nothing here is kept over a restart: then all is due again, and each step may be repeated.
"""

import random

from common.wire.messages import ErrorReply

#: After a return, devices that have something to send begin within so many seconds, at random.
SPREAD = 5.0
#: Without an answer a burst is sent again after `patience`, and up to a time that doubles to this.
_CEILING = 30.0
#: Seconds of others' advice that are heeded, at most: whoever can answer could silence the device for ever.
_MOST_ADVICE = 120.0
#: Seconds until what nobody heard is sent again, and what changed on its way.
_UNHEARD, _CORRUPTED = (1.0, 4.0), (0.5, 1.5)


class Schedule:
    """How many bursts may be under way, and when each one is sent again.

    A device that returns begins with one, and each answer allows one more, up to `window`; a busy fleet and
    silence take that back. `patience` is how long, at least, an answer is waited for. Times are seconds of any
    clock that only goes forward.
    """

    def __init__(self, window: int, patience: float) -> None:
        self._window, self._patience = window, patience
        self._allowed = window
        self._hold = 0.0
        self._under_way: dict[str, float] = {}  # until when each burst's answer is waited for
        self._silences: dict[str, int] = {}  # attempts of each burst that nobody answered in any way

    def returned(self, now: float) -> None:
        """A connection is up again: all of the outbox is due, as what was under way may be lost.

        Others may return now too, so begin after a moment, and slowly.
        """
        self._under_way.clear()
        self.pause(now, random.uniform(0, SPREAD))

    def room(self, now: float) -> int:
        """How many bursts may be sent now."""
        if now < self._hold:
            return 0
        return max(self._allowed - sum(until > now for until in self._under_way.values()), 0)

    def sent(self, job: str, now: float) -> float:
        """A burst is being sent; when it is due again, should nobody answer."""
        silences = self._silences.get(job, 0)
        if silences:
            self._allowed = max(self._allowed // 2, 1)
        self._silences[job] = silences + 1
        due = now + self._back_off(silences, self._patience)
        self._under_way[job] = due
        return due

    def answered(self, job: str) -> None:
        """A burst under way got its label."""
        if self.ended(job):
            self._allowed = min(self._allowed + 1, self._window)

    def ended(self, job: str) -> bool:
        """A burst won't be sent again; whether it was under way."""
        self._silences.pop(job, None)
        return self._under_way.pop(job, None) is not None

    def refused(self, reply: ErrorReply, now: float) -> float:
        """A burst shall come again, as the reply says; when it is due."""
        self._under_way.pop(reply.job, None)
        silences = self._forgive(reply.job)
        if reply.reason == "corrupted":
            return now + random.uniform(*_CORRUPTED)
        wait = self._back_off(silences, self._patience)
        if reply.retry_in is not None:
            wait = min(reply.retry_in, _MOST_ADVICE) * random.uniform(1.0, 1.2)
        if reply.reason == "busy":  # so would be what else there is
            return self.pause(now, wait)
        return now + wait

    def unheard(self, job: str, now: float) -> float:
        """The broker had nobody to give a burst to: no bridge is there; when it is due."""
        self._under_way.pop(job, None)
        self._forgive(job)
        return self.pause(now, random.uniform(*_UNHEARD))

    def pause(self, now: float, seconds: float) -> float:
        """Send nothing for so long, and begin again with one burst; when that is."""
        self._hold, self._allowed = max(self._hold, now + seconds), 1
        return now + seconds

    def _forgive(self, job: str) -> int:
        """Don't count an attempt that was answered, if not by a label, as silence; how many remain."""
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
