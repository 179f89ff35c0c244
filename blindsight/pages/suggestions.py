"""What a plain model makes of a picture: shown to a person who decides, and never more than that."""

from collections.abc import Sequence

import msgspec
import numpy as np

from common.pictures.normalise import normalise
from common.pictures.picture import Picture
from common.plan.network import Network


class Suggestion(msgspec.Struct, frozen=True):
    """A label and its probability, from 0 to 1, as the model's scores have it."""

    label: str
    probability: float


def suggest(network: Network, pictures: Sequence[Picture]) -> list[Suggestion]:
    """The network's label of each picture; one of another size or depth than its frames is resized for it."""
    if not pictures:
        return []
    shape = network.frame_shape
    frames = [each if each.shape == shape else normalise(each, "none", shape) for each in pictures]
    scores = network.scores(np.stack(frames))
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    best = shares.argmax(axis=1)
    return [Suggestion(network.labels[place], float(share[place])) for place, share in zip(best, shares, strict=True)]
