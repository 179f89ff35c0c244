"""The names of the Python API: all there, all typed, all errors among them, and nothing loaded before it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import blindsight
from common import errors

SOURCE = Path(blindsight.__file__)


def test_every_exported_name_is_there() -> None:
    assert sorted(blindsight.__all__) == blindsight.__all__
    for name in blindsight.__all__:
        assert getattr(blindsight, name) is not None


def test_every_name_that_is_typed_is_exported_and_the_other_way_round() -> None:
    block = next(node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    typed = [alias.asname or alias.name for node in block.body for alias in node.names]  # type: ignore[attr-defined]
    assert sorted(typed) == blindsight.__all__


def test_dir_names_them_all() -> None:
    assert set(blindsight.__all__) <= set(dir(blindsight))


def test_every_error_that_is_raised_on_purpose_is_exported() -> None:
    tree = {errors.BlindsightError, *errors.BlindsightError.__subclasses__()}
    for kind in tuple(tree):
        tree.update(kind.__subclasses__())
    named = {kind.__name__ for kind in tree if kind.__module__ == errors.__name__}
    assert named == {name for name in blindsight.__all__ if name.endswith("Error")}


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'recompile'"):
        blindsight.recompile  # noqa: B018


def test_an_import_loads_nothing_of_the_api() -> None:
    code = (
        "import sys, blindsight; "
        "heavy = {'numpy', 'structlog', 'pydantic', 'Pyfhel', 'common', 'edge', 'blindsight.api'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SOURCE.parents[1]
    )
    assert done.stdout == "[]\n"
