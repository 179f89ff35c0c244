"""What is installed: this distribution, and libraries that only some commands need."""

import shlex
import sys
from importlib.metadata import version

#: The name under which pip knows Blindsight. `blindsight` itself is somebody else's project on PyPI.
DISTRIBUTION = "blindsight-cameras"


def blindsight_version() -> str:
    """The version of Blindsight that is installed."""
    return version(DISTRIBUTION)


def install_command(package: str) -> str:
    """The shell's command that installs a package where this program finds it.

    It names the library's own package: pip finds that from any folder, and without a checkout of Blindsight.
    """
    return shlex.join([sys.executable or "python3", "-m", "pip", "install", package])
