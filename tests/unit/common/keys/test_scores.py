"""Scores are read from ciphertexts of the plan's form only, and by who has the secret key only."""

import numpy as np
import pytest

from common.errors import WireError
from common.keys.key_set import KeySet, create_key_set
from common.keys.scores import ScoreReader, leads
from models.plans import get_plan

HEAD = get_plan("digits", 128).head


@pytest.fixture(scope="module")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return create_key_set(HEAD, tmp_path_factory.mktemp("keys") / "set")


@pytest.mark.parametrize("reply", [b"", b"label: 7", bytes(100_000)])
@pytest.mark.slow
def test_what_is_no_ciphertext_is_no_label(key_set: KeySet, reply: bytes) -> None:
    with pytest.raises(WireError):
        ScoreReader(HEAD, key_set).decide(reply, 1)


def test_the_lead_is_that_of_the_highest_score_over_the_second() -> None:
    assert leads(np.array([[1.0, 4.0, 2.5], [0.0, 0.0, -1.0]])).tolist() == [1.5, 0.0]
    assert leads(np.array([[3.0], [4.0]])).tolist() == [0.0, 0.0]
