"""The recipe of `meter`: crops of fonts that are held out calibrate what was trained on others."""

import msgspec
import numpy as np
import pytest

from common.errors import ConfigurationError
from common.plan.layers import Dense
from models.catalogue import load_network
from models.rendering.crops import LABELS, render_crops
from models.rendering.fonts import SHIPPED, FontBook, family_of, find_fonts
from models.samples import load_samples
from models.training.meter import calibrated, held_out, train_meter


def test_scores_twice_as_sure_as_they_should_be_are_halved() -> None:
    network, frames = load_network("meter"), load_samples("meter").frames
    scores = network.scores(frames)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    last = network.layers[-1]
    assert isinstance(last, Dense)
    sure = msgspec.structs.replace(
        network, layers=(*network.layers[:-1], Dense(np.asarray(last.weight) * 2, np.asarray(last.bias) * 2))
    )
    assert calibrated(sure, frames, shares).scores(frames) == pytest.approx(scores, rel=0.05, abs=0.1)


def test_no_family_is_in_training_and_held_out() -> None:
    known, held = held_out(find_fonts([SHIPPED]))
    families = [{family_of(font) for font in book.fonts} for book in (known, held)]
    assert families[0] and families[1] and not families[0] & families[1]
    with pytest.raises(ConfigurationError, match="all of one family"):
        held_out(FontBook([next(SHIPPED.glob("oswald*"))]))


@pytest.mark.slow
def test_a_short_training_learns_and_is_the_same_for_the_same_seed() -> None:
    pytest.importorskip("torch")
    book, losses = find_fonts([SHIPPED]), []
    trained = [
        train_meter(book, crops=400, epochs=3, progress=lambda epoch, of, loss: losses.append(loss)) for _ in range(2)
    ]
    frames, shares = render_crops(np.random.default_rng(9), book, 100)
    scores = [network.scores(frames) for network in trained]
    assert trained[0].labels == LABELS
    assert losses[:3] == losses[3:] and losses[2] < losses[0]
    assert np.array_equal(*scores)
    assert np.mean(scores[0].argmax(axis=1) == shares.argmax(axis=1)) > 0.15
