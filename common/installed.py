"""What is installed: this distribution, and libraries that only some commands need."""

import shlex
import sys
from importlib.metadata import version

#: The name under which pip knows Blindsight. `blindsight` itself is somebody else's project on PyPI.
DISTRIBUTION = "blindsight-cameras"


def blindsight_version() -> str:
    """The version of Blindsight that is installed."""
    return version(DISTRIBUTION)


def install_command(*packages: str) -> str:
    """The shell's command that installs packages where this program finds them.

    It names the libraries' own packages: pip finds those from any folder, and without a checkout of Blindsight.
    """
    return shlex.join([sys.executable or "python3", "-m", "pip", "install", *packages])
