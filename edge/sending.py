"""What goes out of the outbox and when, and what becomes of it while there is no label.

Everything between device and fleet may fail: so a burst that isn't answered in time is sent again under
the same job id, and one that will get no label is parked with the reason why.
"""

from common.errors import BrokerError
from common.keys.key_set import PublicKeySet
from common.logs import get_logger
from common.wire import messages, topics
from common.wire.capture_times import seal_times
from common.wire.connection import MqttConnection, Published
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

#: Bursts sent and not yet answered, at most, under each policy.
_WINDOW = {"all": 8, "latest": 2}
#: But no more than so many bytes on their way, except for two bursts, so that the next one travels meanwhile.
_WINDOW_BYTES = 32_000_000
#: Seconds between looks whether a site's console has uploaded the evaluation keys.
_KEYS_WAIT = 2.0
#: Seconds between looks for what is overdue, and how many entries each one sees: parking may rewrite them.
_OVERDUE_INTERVAL, _OVERDUE_SEEN = 5.0, 20

log = get_logger(__name__)


class Sender:
    """Sends what is due while the connection is up and the bridge has the keys, and parks what is overdue at any time.

    `moved` counts what was sent. Under the custody of a site `key_set` is the public part of its key set, for
    whose holder capture times are sealed. To be used from one thread.
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
    ) -> None:
        self._settings, self._device, self._key_set = settings, device, key_set
        self._outbox, self._answers, self._uploads, self._mqtt = outbox, answers, uploads, connection
        self._metrics = metrics
        window = min(_WINDOW[settings.policy], max(_WINDOW_BYTES // burst_bytes, 2))
        self._schedule = Schedule(window, settings.retry_after)
        self._publishing: dict[int, str] = {}  # the job of each frame that the broker doesn't have yet
        self._overdue_at = 0.0  # when to look for what is overdue
        self.moved = 0

    def begin_anew(self, returning: bool) -> None:
        """After a connection: the broker may have lost what was sent, and the clock of an earlier run isn't ours.

        Where others may be `returning` too, sending begins after a moment, and slowly.
        """
        self._outbox.all_due()
        self._publishing.clear()
        if returning:
            self._schedule.returned(clock.now())

    def tick(self, key_set: str) -> None:
        """Send and park what is due; nothing is sent before the bridge has `key_set`, the one we encrypt with."""
        self._park_overdue()
        if not self._mqtt.connected:
            return
        if self._uploads.ready(key_set):
            self._send_due()

    def answered(self, job: str) -> None:
        """A burst got its label."""
        self._schedule.answered(job)

    def published(self, published: Published) -> None:
        """What the broker had nobody to give to is sent again soon: a bridge may be starting."""
        job = self._publishing.pop(published.mid, None)
        if job is not None and not published.heard:
            log.warning("no bridge is there; sending again soon", job=job)
            self._outbox.defer(job, self._schedule.unheard(job, clock.now()))

    def refused(self, reply: ErrorReply) -> None:
        """Send a burst again as the reply says, or park it."""
        pending = self._outbox.get(reply.job)
        if pending is None:
            return
        self._metrics.refused(reply.reason)
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
        frame = Burst(
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
        )
        topic = topics.frames(self._device, pending.job)
        due = self._schedule.sent(pending.job, now)
        self._outbox.sent(pending.job, now, due)  # first: under `latest`, unsent frames may be dropped
        expiry = int(due - now) + 1  # then it comes again
        try:
            sent = self._mqtt.publish(
                topic, messages.encode(frame), expiry=expiry, key=pending.key_set, plan=pending.plan
            )
        except BrokerError as error:  # larger than the broker takes: sending it again can't help
            self._give_up(pending.job, "oversized", str(error))
        else:
            self._publishing[sent.mid] = pending.job

    def _seal(self, pending: Pending) -> bytes:
        """When a burst's frames were captured, for the site's console; nothing where the key set has no key for it."""
        ours = self._key_set
        if ours is None or ours.times is None or pending.key_set != ours.fingerprint:
            return b""
        times = [frame.captured_at for frame in pending.frames]
        return seal_times(times, ours.times, pending.key_set, self._device, pending.job)

    def _deadline(self, now: float) -> float:
        """What waits since an earlier time is overdue."""
        return now - self._settings.deadline

    def _park_overdue(self) -> None:
        """Park what is overdue, sent or not: nobody may be there to send it to.

        It sees the first ones in order of capture, which are the first to be late; only where the clock of an earlier
        run was ahead can others hide behind them, and these are looked at again before they are sent.
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
