"""How the encrypted labels of a site's devices become plain ones, and readings, in its record."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from common.errors import WireError
from common.keys.known_answers import KnownAnswers
from common.keys.scores import ScoreReader, Scores, leads
from common.label_groups import NO_GROUPS, LabelGroups
from common.logs import get_logger
from common.readings.meters import Meters
from common.readings.reader import NOTHING_TAKEN
from common.readings.reading import Reading
from common.wire.capture_times import open_times
from common.wire.messages import EncryptedScores, Receipt
from console.record.record import Check, FrameLabel, Record

#: The largest capture counter that fits the record; no camera lives so long.
_MAX_COUNTER = 2**62
#: Seconds by which a capture time may be ahead of the console's clock, at most.
_AHEAD = 86400.0

log = get_logger(__name__)


@dataclass(frozen=True)
class Recorded:
    """A burst's receipt, and its labels, checks and readings unless these were recorded before."""

    receipt: Receipt
    labels: Sequence[FrameLabel] = ()
    checks: Sequence[Check] = ()
    readings: Sequence[Reading] = ()


class LabelDesk:
    """Reads and records each burst's labels once. The labels of known answers are compared, and aren't results.

    `times_key` opens capture times; without it they stay unknown. `meters` makes readings of labels, and `groups` are
    theirs.
    """

    def __init__(
        self,
        readers: Iterable[ScoreReader],
        record: Record,
        label_only: bool,
        known: KnownAnswers | None,
        times_key: X25519PrivateKey | None = None,
        meters: Meters | None = None,
        groups: LabelGroups = NO_GROUPS,
    ) -> None:
        self._readers: Mapping[str, ScoreReader] = {reader.head.hash: reader for reader in readers}
        self._record, self._label_only, self._known = record, label_only, known
        self._times_key, self._meters, self._groups = times_key, meters or Meters(), groups
        self.check_record = record.check_writable

    def take(self, device: str, reply: EncryptedScores, arrived: float) -> Recorded:
        """Read and record a burst's encrypted scores, which arrived at `arrived` (epoch, s), unless it was done before.

        Raises `WireError` for scores that aren't of a plan that the console reads, and `RecordError`.
        """
        earlier = self._record.receipt(device, reply.job)
        if earlier is not None:
            return Recorded(earlier)
        reader = self._reader(reply)
        scores = reader.scores(reply.ciphertext)[: reply.frames]
        if not np.isfinite(scores).all():
            raise WireError("a label whose scores are no numbers")
        receipt = Receipt(
            version=1,
            job=reply.job,
            frames=reply.frames,
            received_at=reply.received_at,
            started_at=reply.started_at,
            finished_at=reply.finished_at,
            arrived_at=arrived,
            recorded_at=time.time(),
            taken_at=reply.taken_at,
        )
        captures = self._capture_times(device, reply, arrived)
        labels, checks = self._read(device, reply, receipt, reader.head.labels, scores, captures)
        meter = self._meters.of(device, reader.head, [""] * reply.frames)
        taken = NOTHING_TAKEN
        if meter is not None:
            taken = meter.take(device, reply.job, scores, captures[0], arrived, self._record.tracks(device))
        self._record.add(device, reply.plan, receipt, labels, checks, taken)
        return Recorded(receipt, labels, checks, taken.readings)

    def _reader(self, reply: EncryptedScores) -> ScoreReader:
        reader = self._readers.get(reply.plan)
        if reader is None:
            readable = ", ".join(f"{each.head.model} {hash_[:12]}" for hash_, each in self._readers.items())
            raise WireError(f"a label for plan {reply.plan[:12]}; this console reads {readable} (--plans)")
        if reply.frames > reader.head.frames_per_ciphertext:
            raise WireError(
                f"a label for {reply.frames} frames, of a plan for {reader.head.frames_per_ciphertext} in a ciphertext"
            )
        if _counter(reply) > _MAX_COUNTER:
            raise WireError(f"job {reply.job} has a capture counter beyond {_MAX_COUNTER}")
        return reader

    def _read(
        self,
        device: str,
        reply: EncryptedScores,
        receipt: Receipt,
        names: Sequence[str],
        scores: Scores,
        captures: Sequence[float | None],
    ) -> tuple[list[FrameLabel], list[Check]]:
        labels: list[FrameLabel] = []
        checks: list[Check] = []
        # A device that cuts regions out of its pictures mixes no known answers in.
        known_answers = None if self._meters.cuts(device) else self._known
        regions = self._meters.regions(device, [""] * reply.frames)
        frames = zip(scores.argmax(axis=1), leads(scores), captures, regions, strict=True)
        for counter, (index, lead, captured_at, region) in enumerate(frames, start=_counter(reply)):
            known = None if known_answers is None else known_answers.at(device, counter)
            if known is None:
                visible = None if self._label_only else _rounded(lead)
                times = receipt.received_at, receipt.recorded_at
                label = FrameLabel(device, reply.job, counter, names[index], *times, visible, captured_at)
                labels.append(msgspec.structs.replace(label, region=region, group=self._groups.of(label.label)))
            else:
                checks.append(Check(device, reply.job, counter, names[known.label], names[index], reply.worker))
        return labels, checks

    def _capture_times(self, device: str, reply: EncryptedScores, arrived: float) -> Sequence[float | None]:
        """The capture time of each frame (epoch, s); None where its device didn't send it, or it can't be true."""
        unknown = [None] * reply.frames
        if self._times_key is None or not reply.sealed:
            return unknown
        try:
            times = open_times(reply.sealed, reply.frames, self._times_key, reply.key_set, device, reply.job)
        except WireError as error:
            log.warning("recorded without capture times", device=device, job=reply.job, reason=str(error))
            return unknown
        if max(times) > arrived + _AHEAD:
            log.warning("recorded without capture times", device=device, job=reply.job, reason="they are still to come")
            return unknown
        return times


def _counter(reply: EncryptedScores) -> int:
    """The capture counter of the burst's first frame."""
    return int(reply.job.partition("-")[0])


def _rounded(lead: float) -> float:
    # Three digits are enough for the eye; the low digits of a decryption could reveal the key to others.
    return float(f"{lead:.3g}")
