"""What the network that ships says of wheels of a rendered meter, in one light and by one camera."""

import numpy as np

from benchmarks.readings.looks import Floats, MadeUp
from common.pictures.cropping import crop
from common.pictures.normalise import normalise
from models.catalogue import load_network
from models.rendering.crops import empty_crop
from models.rendering.film import film
from models.rendering.fonts import FontBook

#: Photos of a meter that are rendered, each of five wheels at places of its own; and crops without a digit.
_PHOTOS, _HIDDEN = 120, 20
#: How badly a meter is seen at most, from 0 to 1 (`models.rendering.photos.take_photo`).
_HARDEST = 0.4
#: Digits by which a rendered wheel may be away from the place that is asked for, at most, where there are some.
_NEAR = 0.06


class Rendered:
    """Scores of crops of one meter, drawn from those that were rendered with its wheels at about these places."""

    names = MadeUp.names

    def __init__(self, random: np.random.Generator, fonts: FontBook) -> None:
        self._random = random
        network = load_network("meter")
        places, frames = [], []
        for photo in film(int(random.integers(2**31)), fonts, random.uniform(0, 1e5, _PHOTOS), hardest=_HARDEST):
            for digit in photo.digits:
                first, second, third, fourth = ((float(x), float(y)) for x, y in digit.window)
                places.append(digit.position)
                frames.append(
                    normalise(crop(photo.picture, (first, second, third, fourth)), "digit", network.frame_shape)
                )
        self._places, self._scores = np.array(places), network.scores(np.stack(frames))
        blank = [normalise(empty_crop(random, fonts), "digit", network.frame_shape) for _ in range(_HIDDEN)]
        self._hidden = network.scores(np.stack(blank))

    def scores(self, places: Floats) -> Floats:
        return np.stack([self._wheel(float(place)) for place in places])

    def hidden(self) -> Floats:
        return np.asarray(self._hidden[self._random.integers(len(self._hidden))])

    def label(self, place: float) -> set[int]:
        return MadeUp(self._random).label(place)

    def _wheel(self, place: float) -> Floats:
        away = np.abs((self._places - place + 5) % 10 - 5)
        near = np.flatnonzero(away <= max(_NEAR, float(np.sort(away)[2])))
        return np.asarray(self._scores[self._random.choice(near)])
