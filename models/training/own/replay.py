"""What a network is not to forget: frames like those that it was trained on, and what it says of them.

Its own answers are learned again rather than labels, so that also its doubts stay as they were. Source: Z. Li,
D. Hoiem, "Learning without Forgetting", ECCV 2016.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.pictures.opencv import import_opencv
from common.plan.network import Network
from models.training.own.calibration import log_probabilities

#: Labels by which a model is known whose training set was rendered, and how many crops are rendered for it.
_RENDERED_LABELS, _RENDERED = {"between", "unreadable"}, 1000


class Replay(NamedTuple):
    """Frames (n, h, w, c) uint8, and the probabilities (n, labels) that are to stay."""

    frames: NDArray[np.uint8]
    probabilities: NDArray[np.float32]

    def half(self, first: int) -> "Replay":
        """Every second one, from the first (0) or the second (1) on: samples are often sorted by class."""
        return Replay(self.frames[first::2], self.probabilities[first::2])


def replay_of(source: Network, samples: NDArray[np.uint8] | None, labels: Sequence[str], seed: int) -> Replay | None:
    """The replay for a network with `labels` that comes from `source`.

    It has the `samples` of the source, and for a model that tells a meter's wheels apart, crops that are rendered anew,
    as those that it was trained on. None where there are no frames, or the labels of the source don't stay.

    Raises `ConfigurationError` where crops are to be rendered, and OpenCV isn't installed.
    """
    if not set(source.labels) <= set(labels):
        return None
    frames = [] if samples is None else [samples]
    if set(source.labels) >= _RENDERED_LABELS:
        frames.append(_render(seed))
    if not frames:
        return None
    known = np.concatenate(frames)
    probabilities = np.zeros((len(known), len(labels)), np.float32)
    places = [list(labels).index(label) for label in source.labels]
    probabilities[:, places] = np.exp(log_probabilities(source.scores(known)))
    return Replay(known, probabilities)


def _render(seed: int) -> NDArray[np.uint8]:
    """Crops (n, 28, 28, 1) of rendered meters."""
    import_opencv("training a model of meters further")
    from models.rendering.crops import render_crops
    from models.rendering.fonts import SHIPPED, find_fonts

    frames, _ = render_crops(np.random.default_rng(seed), find_fonts([SHIPPED]), _RENDERED)
    return frames
