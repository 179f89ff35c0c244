"""A user's file that hides one of our packages is named, whatever kind of file it is."""

import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

import blindsight
from blindsight import hidden
from blindsight.hidden import PACKAGES

ROOT = Path(blindsight.__file__).parents[1]


def run(
    folder: Path, code: str = "import blindsight; blindsight.BlindsightError; print('imported')"
) -> subprocess.CompletedProcess[str]:
    """A program in a folder, which Python searches first, as it does for a script."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, env=environment, check=False
    )


def test_a_folder_of_other_files_is_fine(tmp_path: Path) -> None:
    (tmp_path / "commons.py").touch()
    (tmp_path / "models").mkdir()  # without __init__.py it comes after any package
    done = run(tmp_path)
    assert (done.stdout, done.stderr) == ("imported\n", "")


def test_a_program_beside_the_checkout_finds_the_package_as_it_is_installed(tmp_path: Path) -> None:
    """A checkout's folder is called blindsight as well, and one of a user's may be called models."""
    for name in ("blindsight", "models"):
        (tmp_path / name).mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = "import blindsight, models; print(blindsight.__file__ is not None and models.__file__ is not None)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.parametrize("name", ["common.py", "models/__init__.py", "workers.py"])
def test_a_file_that_hides_a_package_is_named(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("print('this ran')")
    done = run(tmp_path)
    assert done.returncode == 1
    assert "this ran" not in done.stdout  # nothing of the user's is imported to find out
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: blindsight's own package {Path(name.split('/', maxsplit=1)[0]).stem!r}")
    assert f"is hidden by {file}" in last
    assert "Rename it" in last


def test_a_module_that_was_loaded_before_is_named_too(tmp_path: Path) -> None:
    done = run(
        tmp_path, "import sys, types; sys.modules['edge'] = types.ModuleType('edge'); from blindsight import Device"
    )
    assert "ImportError: blindsight's own package 'edge'" in done.stderr


@pytest.mark.parametrize("start", ["from blindsight.__main__ import main; main()", "-m"])
def test_the_command_line_says_so_in_one_line(tmp_path: Path, start: str) -> None:
    (tmp_path / "common.py").touch()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    arguments = ["-m", "blindsight", "--version"] if start == "-m" else ["-c", start]
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: blindsight's own package 'common'")
    assert f"is hidden by {tmp_path / 'common.py'}" in line


def test_packages_of_bytecode_alone_are_our_own(tmp_path: Path) -> None:
    """As in a program that was frozen."""
    source = "from blindsight.hidden import check_own_packages; check_own_packages(); print('imported')"
    for name in ("blindsight", *PACKAGES):
        (tmp_path / "app" / name).mkdir(parents=True)
        py_compile.compile(os.devnull, str(tmp_path / "app" / name / "__init__.pyc"))
    py_compile.compile(hidden.__file__, str(tmp_path / "app" / "blindsight" / "hidden.pyc"))
    done = subprocess.run(
        [sys.executable, "-S", "-c", source],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "app")},
        check=False,
    )
    assert (done.stdout, done.stderr) == ("imported\n", "")
