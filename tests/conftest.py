"""No test is timed: machines here are noisy, and key generation alone may exceed hypothesis's deadline."""

import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings

from tests.plans import FOLDER

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """The first process of a run makes the folder for plans; those that it starts inherit it."""
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="blindsight-plans-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[FOLDER])
