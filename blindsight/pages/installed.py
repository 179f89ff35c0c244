"""Whether what serves pages is installed: Starlette and uvicorn, which the extra `pages` lists."""

from importlib.util import find_spec

from common.errors import ConfigurationError
from common.installed import install_command

#: The packages of PyPI, whose modules have the same names.
_PACKAGES = ("starlette", "uvicorn")


def check_installed(what: str) -> None:
    """Raise `ConfigurationError`, with the command that installs them, where `what` lacks a package."""
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        raise ConfigurationError(
            f"{what} needs {' and '.join(missing)}, which isn't installed; run: {install_command(*missing)}"
        )
