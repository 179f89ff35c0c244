"""Labels that come back to a device that holds its own key set.

One label message answers a burst, all frames of one ciphertext, so each frame gets a result. A known
answer gets none: its label is compared, and a wrong one is an alarm.
"""

import time
from collections.abc import Mapping, Sequence

from common.errors import WireError
from common.keys.scores import ScoreReader, Scores
from common.label_groups import NO_GROUPS, LabelGroups
from common.logs import get_logger
from common.publishing.events import FrameLabel
from common.readings.meters import Meters
from common.readings.reader import NOTHING_TAKEN, Taken
from common.wire import messages
from common.wire.messages import EncryptedScores
from edge import clock
from edge.labels.answers import AnswerBook
from edge.labels.results import Result, results_of
from edge.outbox.entries import Pending
from edge.outbox.outbox import Outbox
from edge.watcher import NOBODY, Watcher

log = get_logger(__name__)


class LabelBook:
    """Decrypts a burst's labels, which are its answer; `readers` are by key set (fingerprint) and plan (hash).

    `meters` makes readings of them, and `groups` are theirs.
    """

    kind = "labels"

    def __init__(
        self,
        device: str,
        readers: Mapping[tuple[str, str], ScoreReader],
        outbox: Outbox,
        answers: AnswerBook,
        meters: Meters | None = None,
        groups: LabelGroups = NO_GROUPS,
        watcher: Watcher = NOBODY,
    ) -> None:
        self._watcher = watcher
        self._device, self._readers, self._outbox, self._answers = device, readers, outbox, answers
        self._meters, self._groups = meters or Meters(), groups

    def take(self, payload: bytes) -> str:
        """Record the labels in a message, unless its burst was answered before, and return its job.

        Raises `WireError` for a message that isn't the burst's encrypted scores, and `OutboxError`.
        """
        reply, arrived = messages.decode(payload, EncryptedScores), clock.now()
        pending = self._outbox.get(reply.job)
        if pending is None:
            log.debug("a label came again", job=reply.job)
            return reply.job
        reader = self._reader(pending)
        start = time.perf_counter()
        scores = reader.scores(reply.ciphertext)[: len(pending.frames)]
        labels = [int(label) for label in scores.argmax(axis=1)]
        stages = {"downlink": arrived - reply.finished_at, "decrypt": time.perf_counter() - start}
        names, now = reader.head.labels, clock.now()
        results = results_of(
            self._device,
            pending,
            reply,
            stages,
            now,
            labels=[names[index] for index in labels],
            downlink_bytes=len(payload),
            groups=self._groups,
        )
        alarms = _alarms(pending, labels)
        regions = self._meters.regions(self._device, [frame.source for frame in pending.frames])
        events = [
            _event(result, region, reply.received_at, now)
            for frame, result, region in zip(pending.frames, results, regions, strict=True)
            if frame.expected is None
        ]
        taken = self._taken(pending, reader, scores, now)
        if self._answers.record(pending, labels, results, len(alarms), events, taken):
            self._watcher.answered(reply, results)
            for counter, expected, index in alarms:  # nothing proves the worker's name
                answer = {"job": reply.job, "worker": reply.worker}
                log.error("alarm", **answer, expected=names[expected], got=names[index])
                self._watcher.alarm(reply, counter, names[expected], names[index])
        return reply.job

    def _taken(self, pending: Pending, reader: ScoreReader, scores: Scores, now: float) -> Taken:
        """The readings of a burst that is a picture's regions."""
        meter = self._meters.of(self._device, reader.head, [frame.source for frame in pending.frames])
        if meter is None:
            return NOTHING_TAKEN
        captured_at, tracks = pending.frames[0].captured_at, self._outbox.tracks(self._device)
        return meter.take(self._device, pending.job, scores, captured_at, now, tracks)

    def _reader(self, pending: Pending) -> ScoreReader:
        """The reader for the burst's own key set and plan; another would misread its scores. Raises `WireError`."""
        reader = self._readers.get((pending.key_set, pending.plan))
        if reader is None:
            raise WireError(
                f"job {pending.job} was encrypted under key set {pending.key_set[:12]} for plan {pending.plan[:12]}, "
                "which this device hasn't any more"
            )
        return reader


def _event(result: Result, region: str, received_at: float, recorded_at: float) -> FrameLabel:
    """What is published of a frame; times are in seconds since the epoch."""
    assert result.label is not None, "the labels are ours to read"
    return FrameLabel(
        device=result.device,
        job=result.job,
        counter=result.counter,
        label=result.label,
        received_at=received_at,
        recorded_at=recorded_at,
        captured_at=result.captured_at,
        source=result.source,
        region=region,
        group=result.group,
    )


def _alarms(pending: Pending, labels: Sequence[int]) -> list[tuple[int, int, int]]:
    """The counter, the expected label and the given one of each known answer that was answered wrongly."""
    answers = enumerate(zip(pending.frames, labels, strict=True), start=pending.counter)
    return [
        (counter, frame.expected, index)
        for counter, (frame, index) in answers
        if frame.expected is not None and frame.expected != index
    ]
