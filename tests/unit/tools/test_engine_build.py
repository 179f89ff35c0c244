"""How the engine's wheel is built and found again, and its tests under sanitizers."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
#: Programs that the scripts need when nothing is compiled; neither a compiler nor apt-get is among them.
PROGRAMS = ["bash", "cat", "cut", "dirname", "find", "id", "mkdir", "mktemp", "pwd", "sed", "sha256sum", "sort"]
PROGRAMS += ["uname", "xargs"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what belongs to the build, in which a test may change files."""
    for name in ("engine", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine on which nothing can be compiled."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).symlink_to(str(shutil.which(name)))
    return {"PATH": str(programs), "PYTHON": sys.executable, "BLINDSIGHT_CACHE": str(tmp_path / "cache")}


def the_hash(checkout: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", ". tools/lib.sh && engine_hash engine"], cwd=checkout, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def build(checkout: Path, environment: dict[str, str]) -> list[str]:
    command = [checkout / "tools" / "build-engine.sh"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_each_change_of_a_source_makes_another_wheel(checkout: Path) -> None:
    source = checkout / "engine" / "src" / "binding.cpp"
    hashes = [the_hash(checkout)]
    source.write_text(source.read_text() + "\n")
    hashes.append(the_hash(checkout))
    source.rename(source.with_name("other.cpp"))
    hashes.append(the_hash(checkout))
    assert len(set(hashes)) == 3
    assert all(re.fullmatch("[0-9a-f]{12}", each) for each in hashes)


def test_what_python_leaves_behind_changes_nothing(checkout: Path) -> None:
    before = the_hash(checkout)
    left = checkout / "engine" / "blindsight_engine" / "__pycache__"
    left.mkdir()
    (left / "x.pyc").touch()
    assert the_hash(checkout) == before


def test_where_nothing_can_be_compiled_the_script_says_what_that_means_and_ends_well(
    checkout: Path, bare: dict[str, str]
) -> None:
    told = " ".join(build(checkout, bare))
    assert "Pyfhel" in told and "apt install g++ python3-dev" in told


def test_a_wheel_that_was_compiled_before_needs_no_compiler(checkout: Path, bare: dict[str, str]) -> None:
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    name = f"blindsight_engine-0.1.0+src{the_hash(checkout)}-{tag}-{tag}-linux_{os.uname().machine}.whl"
    wheels = Path(bare["BLINDSIGHT_CACHE"]) / "wheels"
    wheels.mkdir(parents=True)
    (wheels / name).touch()
    told = build(checkout, bare)
    assert f"using {name}" in told[0]
    assert told[-1] == f"{sys.executable} -m pip install --no-deps {wheels.relative_to(checkout) / name}"
    (checkout / "engine" / "README.md").write_text("changed")
    assert "using" not in " ".join(build(checkout, bare))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(
    not (shutil.which(os.environ.get("CXX", "g++")) and Path(sysconfig.get_path("include"), "Python.h").exists()),
    reason="nothing can be compiled here",
)
def test_the_engine_never_leaves_its_arrays_nor_does_anything_undefined() -> None:
    files = sorted((ROOT / "engine").rglob("*"))
    command = [ROOT / "tools" / "test-engine.sh", "-q", "-p", "no:cacheprovider", "-m", "not slow", "tests/engine"]
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert sorted((ROOT / "engine").rglob("*")) == files, "something was written among the sources"
