"""Encrypted labels of a site's devices to a record of plain ones."""

import time
from collections.abc import Mapping

import numpy as np

from common.errors import WireError
from common.messages import Label, Receipt
from common.scores import ScoreReader, leads
from console.record import FrameLabel, Record

#: Larger capture counters don't fit the record; no camera lives so long.
_MAX_COUNTER = 2**62


class LabelDesk:
    """Reads and records each burst's labels once."""

    def __init__(self, readers: Mapping[str, ScoreReader], record: Record, label_only: bool) -> None:
        self._readers, self._record, self._label_only = readers, record, label_only

    def take(self, device: str, label: Label, arrived: float) -> tuple[Receipt, list[FrameLabel]]:
        """The receipt, and the labels unless they were recorded before.

        Raises `WireError` for what isn't a label of a plan that we read, and `RecordError`.
        """
        known = self._record.receipt(device, label.job)
        if known is not None:
            return known, []
        reader = self._readers.get(label.plan)
        if reader is None:
            served = ", ".join(f"{each.head.model} {hash_[:12]}" for hash_, each in self._readers.items())
            raise WireError(f"a label for plan {label.plan[:12]}; this console reads {served} (--plans)")
        if label.frames > reader.head.frames_per_ciphertext:
            raise WireError(
                f"a label for {label.frames} frames, of a plan for {reader.head.frames_per_ciphertext} in a ciphertext"
            )
        counter = int(label.job.partition("-")[0])
        if counter > _MAX_COUNTER:
            raise WireError(f"job {label.job} has a capture counter beyond {_MAX_COUNTER}")
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
        )
        labels = [
            FrameLabel(
                device=device,
                job=label.job,
                counter=counter + number,
                label=reader.head.labels[index],
                received_at=receipt.received_at,
                recorded_at=receipt.recorded_at,
                lead=None if self._label_only else _rounded(lead),
            )
            for number, (index, lead) in enumerate(zip(scores.argmax(axis=1), leads(scores), strict=True))
        ]
        self._record.add(device, label.plan, receipt, labels)
        return receipt, labels


def _rounded(lead: float) -> float:
    # To the eye's precision: the low digits of a decryption are what would reveal the key to others.
    return float(f"{lead:.3g}")
