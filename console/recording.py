"""Encrypted labels of a site's devices to a record of plain ones."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from common.errors import WireError
from common.keys.known_answers import KnownAnswers
from common.keys.scores import ScoreReader, Scores, leads
from common.logs import get_logger
from common.wire.capture_times import open_times
from common.wire.messages import EncryptedScores, Receipt
from console.record.record import Check, FrameLabel, Record

#: Larger capture counters don't fit the record; no camera lives so long.
_MAX_COUNTER = 2**62
#: Seconds by which a device's clock may be ahead of ours, for what it says to be a capture time.
_AHEAD = 86400.0

log = get_logger(__name__)


@dataclass(frozen=True)
class Reading:
    """What a label message tells: the receipt for it, and what it tells that wasn't recorded before."""

    receipt: Receipt
    labels: Sequence[FrameLabel] = ()
    checks: Sequence[Check] = ()


class LabelDesk:
    """Reads and records each burst's labels once, and compares those of known answers, which are no results.

    `times_key` opens capture times; without it nothing is known of them.
    """

    def __init__(
        self,
        readers: Iterable[ScoreReader],
        record: Record,
        label_only: bool,
        known: KnownAnswers | None,
        times_key: X25519PrivateKey | None = None,
    ) -> None:
        self._readers: Mapping[str, ScoreReader] = {reader.head.hash: reader for reader in readers}
        self._record, self._label_only, self._known = record, label_only, known
        self._times_key = times_key
        self.check_record = record.check_writable

    def take(self, device: str, label: EncryptedScores, arrived: float) -> Reading:
        """Read and record a label message, unless its burst was recorded before.

        Raises `WireError` for what isn't a label of a plan that we read, and `RecordError`.
        """
        recorded = self._record.receipt(device, label.job)
        if recorded is not None:
            return Reading(recorded)
        reader = self._reader(label)
        scores = reader.scores(label.ciphertext)[: label.frames]
        if not np.isfinite(scores).all():
            raise WireError("a label whose scores are no numbers")
        receipt = Receipt(
            version=1,
            job=label.job,
            frames=label.frames,
            received_at=label.received_at,
            started_at=label.started_at,
            finished_at=label.finished_at,
            arrived_at=arrived,
            recorded_at=time.time(),
            taken_at=label.taken_at,
        )
        reading = self._read(device, label, receipt, reader.head.labels, scores)
        self._record.add(device, label.plan, receipt, reading.labels, reading.checks)
        return reading

    def _reader(self, label: EncryptedScores) -> ScoreReader:
        reader = self._readers.get(label.plan)
        if reader is None:
            served = ", ".join(f"{each.head.model} {hash_[:12]}" for hash_, each in self._readers.items())
            raise WireError(f"a label for plan {label.plan[:12]}; this console reads {served} (--plans)")
        if label.frames > reader.head.frames_per_ciphertext:
            raise WireError(
                f"a label for {label.frames} frames, of a plan for {reader.head.frames_per_ciphertext} in a ciphertext"
            )
        if _counter(label) > _MAX_COUNTER:
            raise WireError(f"job {label.job} has a capture counter beyond {_MAX_COUNTER}")
        return reader

    def _read(
        self, device: str, label: EncryptedScores, receipt: Receipt, names: Sequence[str], scores: Scores
    ) -> Reading:
        labels: list[FrameLabel] = []
        checks: list[Check] = []
        captured = self._captured(device, label, receipt.arrived_at)
        decided = zip(scores.argmax(axis=1), leads(scores), captured, strict=True)
        for counter, (index, lead, captured_at) in enumerate(decided, start=_counter(label)):
            known = None if self._known is None else self._known.at(device, counter)
            if known is None:
                kept = None if self._label_only else _rounded(lead)
                times = receipt.received_at, receipt.recorded_at
                labels.append(FrameLabel(device, label.job, counter, names[index], *times, kept, captured_at))
            else:
                checks.append(Check(device, label.job, counter, names[known.label], names[index], label.worker))
        return Reading(receipt, labels, checks)

    def _captured(self, device: str, label: EncryptedScores, arrived: float) -> Sequence[float | None]:
        """When each frame was captured; None where its device didn't tell, or nobody can have told so."""
        unknown = [None] * label.frames
        if self._times_key is None or not label.sealed:
            return unknown
        try:
            times = open_times(label.sealed, label.frames, self._times_key, label.key_set, device, label.job)
        except WireError as error:
            log.warning("recorded without capture times", device=device, job=label.job, reason=str(error))
            return unknown
        if max(times) > arrived + _AHEAD:
            log.warning("recorded without capture times", device=device, job=label.job, reason="they are still to come")
            return unknown
        return times


def _counter(label: EncryptedScores) -> int:
    """The capture counter of the burst's first frame."""
    return int(label.job.partition("-")[0])


def _rounded(lead: float) -> float:
    # To the eye's precision: the low digits of a decryption are what would reveal the key to others.
    return float(f"{lead:.3g}")
