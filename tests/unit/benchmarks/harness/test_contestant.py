"""A contestant is a process: what it says, and that its end is told with a reason."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.harness import contestant
from benchmarks.harness.contestant import Contestant, ContestantError

PROGRAM = """
import atexit, os, sys
from benchmarks.harness.contestant import serve

def run(frames):
    print("noise of a library")
    if frames == 13:
        atexit.register(os.write, 2, b"noise of a library that ends\\n")
        raise RuntimeError("no luck")
    return {"ms": frames * 2.0}

def set_up():
    os.write(1, b"noise of a library in C\\n")
    if sys.argv[1:] == ["broken"]:
        import there_is_no_such_module
    return {"threads": os.environ["GOMAXPROCS"]}, run

serve(set_up)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "contestant_in_test.py").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{contestant.ROOT}")
    return "contestant_in_test"


def test_rounds_are_answered_whatever_libraries_print(module: str) -> None:
    with closing(Contestant(Path(sys.executable), module, [])) as process:
        assert process.facts == {"threads": "1"}
        assert [process.run(frames)["ms"] for frames in (3, 5)] == [6.0, 10.0]


def test_a_contestant_that_cannot_start_says_why(module: str) -> None:
    with pytest.raises(ContestantError, match="No module named 'there_is_no_such_module'"):
        Contestant(Path(sys.executable), module, ["broken"])


def test_a_contestant_that_fails_in_a_round_says_why(module: str) -> None:
    with closing(Contestant(Path(sys.executable), module, [])) as process:
        process.run(1)
        with pytest.raises(ContestantError, match="no luck"):
            process.run(13)


def test_an_environment_that_is_missing_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ContestantError, match="No such file"):
        Contestant(tmp_path / "python", "json", [])
