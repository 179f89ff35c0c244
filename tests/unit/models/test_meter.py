"""What ships as `meter` reads photos of meters, whose fonts it has never seen: those in `tests/data/meter`."""

from pathlib import Path

import numpy as np
import pytest

from blindsight.cameras.encrypted import EncryptedModel
from blindsight.cameras.expected import ExpectedReadings
from blindsight.cameras.photos import find_regions, read_photos
from common.plan.plan_file import load_plan
from models.catalogue import load_network, plan_file
from models.plans import get_plan
from models.samples import load_samples

PHOTOS = Path(__file__).parents[2] / "data" / "meter"


@pytest.mark.slow
def test_photos_are_read_right_or_rejected() -> None:
    photos = find_regions(sorted(PHOTOS.glob("*.jpg")), PHOTOS)
    result = read_photos(photos, load_network("meter"), ExpectedReadings(PHOTOS / "readings.csv"), None, lambda: None)
    assert len(result.photos) == 40
    assert result.readings_wrong == 0
    assert (result.readings_right or 0) >= 0.9  # the others are rejected
    assert (result.digits_right or 0) >= 0.98


@pytest.mark.slow
def test_photos_are_read_through_ciphertexts_as_in_plain() -> None:
    photos = find_regions(sorted(PHOTOS.glob("*.jpg"))[:4], PHOTOS)
    encrypted = EncryptedModel(get_plan("meter", 128, 8))
    expected = ExpectedReadings(PHOTOS / "readings.csv")
    result = read_photos(photos, load_network("meter"), expected, encrypted, lambda: None)
    assert result.agree_with_plain == 1


def test_its_name_stands_for_the_plan_of_eight_regions() -> None:
    head = load_plan(plan_file(Path("meter"))).head
    assert (head.frames_per_ciphertext, head.labels[-2:]) == (8, ("between", "unreadable"))


def test_it_costs_no_more_than_digits() -> None:
    meter, digits = get_plan("meter", 128, 8), get_plan("digits", 128, 1)
    assert meter.head.parameters.ring_dimension == digits.head.parameters.ring_dimension
    single = {frames: sum(stage.rotations for stage in plan.stages) for frames, plan in ((8, meter), (1, digits))}
    assert single[8] / 8 < single[1]


def test_samples_hold_every_label_and_most_are_read_right() -> None:
    samples, network = load_samples("meter"), load_network("meter")
    assert set(samples.labels.tolist()) == set(range(12))
    assert np.mean(network.scores(samples.frames).argmax(axis=1) == samples.labels) >= 0.95


def test_handwritten_digits_are_read_too() -> None:
    samples = load_samples("digits")
    assert np.mean(load_network("meter").scores(samples.frames).argmax(axis=1) == samples.labels) >= 0.97
