"""When a device sends the bursts of its outbox, and what becomes of those that get no labels.

Everything between device and fleet may fail: so a burst that isn't answered in time is sent again under
the same job id, and one that will get no label is parked with the reason why.
"""

from common.errors import BrokerError
from common.keys.key_set import PublicKeySet
from common.logs import get_logger
from common.wire import messages, topics
from common.wire.capture_times import seal_times
from common.wire.connection import MqttConnection, PublishResult
from common.wire.messages import Burst, ErrorReply, Reason
from edge import clock
from edge.key_uploads import Uploads
from edge.labels.answers import AnswerBook
from edge.metrics import DeviceMetrics
from edge.outbox.entries import Pending
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import AT_ONCE
from edge.schedule import Schedule
from edge.settings import AgentSettings
from edge.watcher import NOBODY, Watcher

#: Bursts that are under way at once, at most, by policy.
_WINDOW = {"all": 8, "latest": 2}
#: Bytes of bursts that are under way at once, at most. Two bursts of any size may be: one travels while the other is
#: evaluated.
_WINDOW_BYTES = 32_000_000
#: Seconds between attempts while a site's console has to upload the evaluation keys.
_KEYS_WAIT = 2.0
#: Seconds between two looks for overdue entries.
_OVERDUE_INTERVAL = 5.0
#: Entries that each look parks, at most: the disk may have to write all of each one again.
_OVERDUE_SEEN = 20

log = get_logger(__name__)


class Sender:
    """Sends due bursts while the connection is up and the bridge has the keys, and parks overdue ones at any time.

    `moved` is the number of bursts sent. Under the custody of a site `key_set` is the public part of its key set,
    and capture times are sealed for its holder. To be used from one thread.
    """

    def __init__(
        self,
        settings: AgentSettings,
        device: str,
        burst_bytes: int,
        outbox: Outbox,
        answers: AnswerBook,
        uploads: Uploads,
        connection: MqttConnection,
        metrics: DeviceMetrics,
        key_set: PublicKeySet | None = None,
        watcher: Watcher = NOBODY,
    ) -> None:
        self._watcher = watcher
        self._settings, self._device, self._key_set = settings, device, key_set
        self._outbox, self._answers, self._uploads, self._mqtt = outbox, answers, uploads, connection
        self._metrics = metrics
        window = min(_WINDOW[settings.policy], max(_WINDOW_BYTES // burst_bytes, 2))
        self._schedule = Schedule(window, settings.retry_after)
        self._publishing: dict[int, str] = {}  # the jobs of bursts that the broker hasn't acknowledged, by message id
        self._overdue_at = 0.0  # when to look for overdue entries
        self.moved = 0

    def begin_anew(self, returning: bool) -> None:
        """Make all entries due: the broker may have lost what was sent, and an earlier run had another clock.

        `returning` says that other devices may return at the same time: then sending begins after a moment, and slowly.
        """
        self._outbox.all_due()
        self._publishing.clear()
        if returning:
            self._schedule.returned(clock.now())

    def tick(self, key_set: str) -> None:
        """Park overdue entries, and send due ones once the bridge has `key_set`, the one we encrypt with."""
        self._park_overdue()
        if not self._mqtt.connected:
            return
        if self._uploads.ready(key_set):
            self._send_due()

    def answered(self, job: str) -> None:
        """A burst got its labels."""
        self._schedule.answered(job)

    def published(self, result: PublishResult) -> None:
        """Take the broker's answer to a message; a burst that no bridge heard is sent again soon."""
        job = self._publishing.pop(result.mid, None)
        if job is not None and not result.heard:
            log.warning("no bridge is there; sending again soon", job=job)
            self._outbox.defer(job, self._schedule.unheard(job, clock.now()))

    def refused(self, reply: ErrorReply) -> None:
        """Send a burst again as the reply says, or park it."""
        pending = self._outbox.get(reply.job)
        if pending is None:
            return
        self._metrics.refused(reply.reason)
        self._watcher.refused(reply)
        log.warning(
            "no label yet" if reply.retry else "parked",
            job=reply.job,
            reason=reply.reason,
            detail=reply.detail,
        )
        if not reply.retry:
            self._park(reply.job, reply.reason, reply.detail)
            return
        due = self._schedule.refused(reply, clock.now())
        if reply.reason == "unknown-key" and self._uploads.again(pending.key_set):
            due = AT_ONCE
        elif reply.reason == "unknown-key":  # the site's console, which hears of it too, uploads them
            due = self._schedule.pause(clock.now(), _KEYS_WAIT)
        elif reply.reason == "unknown-plan":  # its other bursts would be refused as well
            self._outbox.defer_plan(pending.plan, due)
        self._outbox.defer(reply.job, due)

    def _send_due(self) -> None:
        now = clock.now()
        for pending in self._outbox.due(now, self._schedule.room(now)):
            since = pending.waits_since
            if since is not None and since < self._deadline(now):
                self._park_late(pending.job)
            elif self._uploads.ready(pending.key_set):
                self._send(pending)

    def _send(self, pending: Pending) -> None:
        now = clock.now()
        self.moved += 1
        self._metrics.sent(pending)
        log.info("sent again" if pending.attempts else "sent", job=pending.job, frames=len(pending.frames))
        burst = Burst(
            version=1,
            device=self._device,
            job=pending.job,
            key_set=pending.key_set,
            plan=pending.plan,
            published_at=now,
            ciphertext=pending.ciphertext,
            frames=len(pending.frames),
            custody=self._settings.custody,
            sealed=self._seal(pending),
            # A fleet that takes seeds rounds scores, too.
            labels="rounded" if self._uploads.takes_seeds(pending.key_set) else "full",
        )
        topic = topics.frames(self._device, pending.job)
        self._watcher.sent(pending)
        due = self._schedule.sent(pending.job, now)
        self._outbox.sent(pending.job, now, due)  # first: under `latest`, unsent frames may be dropped
        expiry = int(due - now) + 1  # s; then it is sent again
        try:
            info = self._mqtt.publish(
                topic, messages.encode(burst), expiry=expiry, key=pending.key_set, plan=pending.plan
            )
        except BrokerError as error:  # larger than the broker takes: sending it again can't help
            self._give_up(pending.job, "oversized", str(error))
        else:
            self._publishing[info.mid] = pending.job

    def _seal(self, pending: Pending) -> bytes:
        """A burst's sealed capture times, for the site's console; no bytes where its key set has no key for them."""
        ours = self._key_set
        if ours is None or ours.times is None or pending.key_set != ours.fingerprint:
            return b""
        times = [frame.captured_at for frame in pending.frames]
        return seal_times(times, ours.times, pending.key_set, self._device, pending.job)

    def _deadline(self, now: float) -> float:
        """The time (epoch, s) before which an overdue entry began to wait."""
        return now - self._settings.deadline

    def _park_overdue(self) -> None:
        """Park overdue entries, whether they were sent or not: there may be nobody to send them to.

        Only the first entries in order of capture are looked at, since these are the first to be late. Where the clock
        of an earlier run was ahead, later entries may be overdue before them; `_send_due` looks at each once more.
        """
        now = clock.now()
        if now < self._overdue_at:
            return
        overdue = self._outbox.overdue(self._deadline(now), _OVERDUE_SEEN)
        for job in overdue:
            self._park_late(job)
        self._overdue_at = now if overdue else now + _OVERDUE_INTERVAL

    def _park_late(self, job: str) -> None:
        self._give_up(job, "deadline", f"no label within {self._settings.deadline:g} s")

    def _give_up(self, job: str, reason: Reason, detail: str) -> None:
        """Park an entry for a reason of our own."""
        self._park(job, reason, detail)
        log.error("parked", job=job, reason=reason, detail=detail)

    def _park(self, job: str, reason: str, detail: str) -> None:
        self._outbox.park(job, reason, detail, clock.now())
        self._schedule.ended(job)
        self._answers.write_out()
