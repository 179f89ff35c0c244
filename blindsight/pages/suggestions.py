"""What a plain model makes of a picture: shown to a person who decides, and never more than that."""

from collections.abc import Sequence

import msgspec
import numpy as np

from common.pictures.fitting import fit
from common.pictures.picture import Picture
from common.plan.network import Network


class Suggestion(msgspec.Struct, frozen=True):
    """A label and its probability, from 0 to 1, as the model's scores have it."""

    label: str
    probability: float


def suggest(network: Network, pictures: Sequence[Picture]) -> list[Suggestion]:
    """The network's label of each picture, which is resized where it hasn't the size of the network's frames."""
    if not pictures:
        return []
    scores = network.scores(np.stack([fit(each, network.frame_shape, resize=True) for each in pictures]))
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    best = shares.argmax(axis=1)
    return [Suggestion(network.labels[place], float(share[place])) for place, share in zip(best, shares, strict=True)]
