"""`--help` and every command read all settings, so none of them may load what only a running service needs."""

import subprocess
import sys

import pytest

MODULES = ("broker.settings", "console.settings", "edge.settings", "workers.settings")
#: What takes long to load, and only those need that talk to a queue.
HEAVY = ("celery", "kombu", "redis")


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.slow
def test_settings_load_neither_celery_nor_redis(module: str) -> None:
    program = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
