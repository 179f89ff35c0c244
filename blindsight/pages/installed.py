"""Whether what serves pages is installed: the packages that the extras `pages` and `web` list."""

from collections.abc import Mapping
from importlib.util import find_spec

from common.errors import ConfigurationError
from common.installed import install_command

#: The names on PyPI of what pages on loopback need, by the modules that they are.
PAGES: Mapping[str, str] = {"starlette": "starlette", "uvicorn": "uvicorn"}
#: The same of what the site in a browser needs.
SITE: Mapping[str, str] = {"argon2": "argon2-cffi", "fastapi": "fastapi", "jinja2": "jinja2", **PAGES}


def check_installed(what: str, needed: Mapping[str, str] = PAGES) -> None:
    """Raise `ConfigurationError`, with the command that installs them, where `what` lacks a package."""
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        names = " and ".join([", ".join(missing[:-1]), missing[-1]] if len(missing) > 1 else missing)
        verb = "isn't" if len(missing) == 1 else "aren't"
        raise ConfigurationError(f"{what} needs {names}, which {verb} installed; run: {install_command(*missing)}")
