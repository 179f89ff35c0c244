"""No test is timed: machines here are noisy, and key generation alone may exceed hypothesis's deadline."""

import os
import shutil
import tempfile
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.plans import FOLDER

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


#: The folder for key sets that workers share is in here, rather than among the user's own caches.
CACHES = "XDG_CACHE_HOME"


def pytest_configure(config: pytest.Config) -> None:
    """The first process of a run makes the folders for plans and caches; those that it starts inherit them."""
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="blindsight-plans-")
        os.environ[CACHES] = tempfile.mkdtemp(prefix="blindsight-caches-")


@pytest.fixture(autouse=True, scope="session")
def log_of_the_moment() -> None:
    """A command that sets logs up lets loggers keep how they were then: later tests wouldn't capture their lines."""
    configure = structlog.configure

    def without_keeping(**settings: Any) -> None:
        configure(**{**settings, "cache_logger_on_first_use": False})

    structlog.configure = without_keeping


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[FOLDER])
        shutil.rmtree(os.environ.pop(CACHES))
