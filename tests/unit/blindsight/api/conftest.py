"""The shipped plan, one key set for it, and frames that it takes."""

import numpy as np
import pytest
from numpy.typing import NDArray

import blindsight as bs
from models.samples import load_samples


@pytest.fixture(scope="session")
def plan() -> bs.Plan:
    return bs.load_plan("digits")


@pytest.fixture(scope="session")
def keys(plan: bs.Plan) -> bs.KeySet:
    return bs.KeySet.create(plan)


@pytest.fixture(scope="session")
def frames() -> NDArray[np.uint8]:
    return load_samples("digits").frames


@pytest.fixture(scope="session")
def truth() -> list[str]:
    return [str(label) for label in load_samples("digits").labels]
