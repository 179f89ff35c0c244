"""What pip installs: every package with its types and data, under a name that is ours."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FIND = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
PACKAGES = [name for name in FIND if "*" not in name]
#: Packages of a checkout that aren't installed.
ONLY_HERE = {"benchmarks", "docs", "examples", "tests"}
#: Files that are for readers of the repository.
FOR_READERS = {".md"}


def test_every_package_of_the_checkout_is_installed_with_those_in_it() -> None:
    here = {path.parent.name for path in ROOT.glob("*/__init__.py")} - ONLY_HERE
    assert here == set(PACKAGES)
    assert {f"{name}.*" for name in PACKAGES} == set(FIND) - set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_types_and_all_its_data_is_installed(package: str) -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    installed = {path for pattern in patterns for path in (ROOT / package).glob(pattern)}
    files = [path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert ROOT / package / "py.typed" in installed
    assert [path for path in files if path.suffix not in {".py", *FOR_READERS} and path not in installed] == []


def test_no_text_tells_to_install_another_project() -> None:
    """`blindsight` on PyPI isn't ours."""
    assert PROJECT["project"]["name"] == "blindsight-cameras"
    texts = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    texts += [*(ROOT / "tools").iterdir(), ROOT / "Makefile", ROOT / "Dockerfile"]
    for path in texts:
        found = re.search(r"""install\s.*["' ]blindsight["'\[]""", path.read_text(encoding="utf-8"))
        assert found is None, f"{path}: {found}"
