"""A key set that is only read."""

from pathlib import Path

import pytest

from common.keys.key_set import create_key_set
from tests.unit.common.keys.key_set.folders import HEAD


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys") / "set"
    create_key_set(HEAD, folder)
    return folder
