"""Known answers: frames whose labels are known, mixed into a device's stream to catch workers that answer wrongly.

Such a frame is called a check. Which capture counters of a device are checks, and which known frame each check
is, follows from a secret by HMAC. Whoever holds the folder can tell; to everybody else a check is a frame like
any other. The folder:

    frames.npz     frames (n, h, w, c) uint8, labels (n,) as indices, and leads (n,), each label's over the next
    schedule.json  the model's name and labels, and the share of frames that are checks
    secret         32 random bytes, mode 0600
"""

import hashlib
import hmac
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError
from common.files import read_arrays, read_file
from common.plan.network import Network
from common.plan.plan import PlanHead
from common.writable import check_new_folder

#: Files of the folder.
_FRAMES, _SCHEDULE, _SECRET = "frames.npz", "schedule.json", "secret"
#: Bytes of the secret.
_SECRET_BYTES = 32
#: The number of values that the HMAC's first 8 bytes can have: a counter is a check if its own is in the lowest share.
_WORD = 1 << 64
#: Bytes of the largest frames.npz and of the largest schedule.json that are read.
_MOST_FRAMES_BYTES, _MOST_SCHEDULE_BYTES = 1 << 28, 1 << 20


class _Schedule(msgspec.Struct, frozen=True):
    model: str
    labels: tuple[str, ...]
    rate: Annotated[float, msgspec.Meta(gt=0, le=0.5)]


@dataclass(frozen=True)
class KnownFrame:
    """A frame (h, w, c) uint8 and the index of its label."""

    frame: NDArray[np.uint8]
    label: int


@dataclass(frozen=True, eq=False)
class KnownAnswers:
    """Known frames, and where they stand in the stream of each device.

    `frames` (n, h, w, c) uint8 have the `labels` (n,), indices, which lead by `leads` (n,), in scores.
    """

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    leads: NDArray[np.float64]
    schedule: _Schedule
    secret: bytes

    def __repr__(self) -> str:
        return f"KnownAnswers({len(self.frames)} frames of {self.schedule.model})"  # never the secret

    def at(self, device: str, counter: int) -> KnownFrame | None:
        """The known frame at a device's capture counter; None where the camera's own frame stands."""
        digest = hmac.digest(self.secret, f"{device}|{counter}".encode(), hashlib.sha256)
        if int.from_bytes(digest[:8]) >= self.schedule.rate * _WORD:
            return None
        index = int.from_bytes(digest[8:16]) % len(self.frames)
        return KnownFrame(self.frames[index], int(self.labels[index]))

    def check_serves(self, head: PlanHead) -> None:
        """Raise `ConfigurationError` unless the known frames fit a plan, and its noise can't change their labels."""
        again = "make them again for this plan: blindsight known-answers create"
        if self.frames.shape[1:] != head.frame_shape or self.schedule.labels != head.labels:
            raise ConfigurationError(
                f"the known answers are for the model {self.schedule.model!r}, with frames {self.frames.shape[1:]} and "
                f"{len(self.schedule.labels)} labels, and the plan is for {head.model!r}, with {head.frame_shape} and "
                f"{len(head.labels)}; {again}"
            )
        if self.leads.min() <= safe_lead(head):
            raise ConfigurationError(
                f"the known answers have a label that leads by {self.leads.min():.3f} only, and the plan's noise needs "
                f"{safe_lead(head):.3f}, or honest workers would raise alarms; {again}"
            )


def safe_lead(head: PlanHead) -> float:
    """The lead, in scores, of the highest score over the second that a plan's noise in both can't undo."""
    return 2 * head.error_bound


def create_known_answers(
    folder: Path,
    network: Network,
    head: PlanHead,
    frames: NDArray[np.uint8],
    labels: NDArray[np.int64],
    rate: float,
) -> KnownAnswers:
    """Make a new folder of known answers, with a new secret, from those frames that can be known answers.

    `frames` (n, h, w, c) uint8 have the `labels` (n,), indices. A frame can be a known answer if the plain network
    gives it its label, with a lead that the plan's noise can't undo. `rate` is the share of a device's frames that
    will be checks, at most a half.

    Raises `ConfigurationError` when no frame can be a known answer, and when the folder exists or can't be written.
    """
    check_new_folder(folder, "folder")
    scores = network.scores(frames)
    highest = np.sort(scores, axis=1)
    leads = highest[:, -1] - highest[:, -2] if scores.shape[1] > 1 else np.zeros(len(scores))
    good = (scores.argmax(axis=1) == labels) & (leads > safe_lead(head))
    if not good.any():
        raise ConfigurationError(
            f"none of the {len(frames)} frames can be a known answer: the model has to give its label with a lead over "
            f"{safe_lead(head):.3f}; give other frames"
        )
    # The folder has another name first, so that nobody finds half of it.
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        np.savez(partial / _FRAMES, frames=frames[good], labels=labels[good], leads=leads[good])
        schedule = _Schedule(head.model, head.labels, rate)
        (partial / _SCHEDULE).write_bytes(msgspec.json.format(msgspec.json.encode(schedule)))
        descriptor = os.open(partial / _SECRET, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
        partial.rename(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise ConfigurationError(f"can't write known answers to {folder}: {error.strerror}") from error
    return load_known_answers(folder)


def load_known_answers(folder: Path) -> KnownAnswers:
    """Read a folder that `create_known_answers` made. Raises `ConfigurationError` when it is missing or damaged."""
    try:
        arrays = read_arrays(folder / _FRAMES, _MOST_FRAMES_BYTES, ("frames", "labels", "leads"))
        frames, labels, leads = arrays["frames"], arrays["labels"], arrays["leads"]
        schedule = msgspec.json.decode(read_file(folder / _SCHEDULE, _MOST_SCHEDULE_BYTES), type=_Schedule)
        secret = read_file(folder / _SECRET, _SECRET_BYTES)
    except (OSError, ValueError, KeyError, RecursionError) as error:  # msgspec's are a kind of ValueError
        raise ConfigurationError(
            f"known_answers is {folder}, which can't be read: {error}; make one: blindsight known-answers create"
        ) from error
    whole = frames.ndim == 4 and frames.dtype == np.uint8 and labels.shape == leads.shape == (len(frames),)
    finite = leads.dtype.kind == "f" and bool(np.isfinite(leads).all())
    if not (whole and finite and frames.size and len(secret) == _SECRET_BYTES and _are_indices(labels, schedule)):
        raise ConfigurationError(
            f"known_answers is {folder}, which is damaged; make a new one: blindsight known-answers create"
        )
    return KnownAnswers(frames, labels, leads, schedule, secret)


def _are_indices(labels: NDArray[np.int64], schedule: _Schedule) -> bool:
    return labels.dtype.kind in "iu" and int(labels.min()) >= 0 and int(labels.max()) < len(schedule.labels)
