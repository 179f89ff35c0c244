"""Whatever bytes a parser gets, what comes of them is an error of ours; `make fuzz` tries many more."""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import BlindsightError
from tests.fuzz import target as fuzz_target
from tests.fuzz.child import read
from tests.fuzz.mutation import mutate
from tests.fuzz.targets import TARGETS

#: Mutated inputs for each parser here.
_CASES = 25
#: OpenCV's decoders are C: a crash would take the tests along. `make fuzz` gives them processes of their own.
_IN_PROCESS = sorted(TARGETS.keys() - {"video"})
_KEPT = [(target.name, path) for target in TARGETS.values() for path in target.kept()]


@pytest.fixture(scope="module", autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = tempfile.tempdir
    tempfile.tempdir = str(tmp_path_factory.mktemp("fuzz"))
    fuzz_target.scratch()
    yield
    tempfile.tempdir = before


@pytest.mark.parametrize(("name", "path"), _KEPT, ids=[f"{name}-{path.stem}" for name, path in _KEPT])
def test_what_failed_once_is_refused_in_our_words(name: str, path: Path) -> None:
    with pytest.raises(BlindsightError):
        TARGETS[name].read(path.read_bytes())


@pytest.mark.parametrize("name", _IN_PROCESS)
@pytest.mark.slow
def test_seeds_are_taken_and_what_is_made_of_them_is_no_crash(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    for seed in seeds:
        target.read(seed)
    for number in range(_CASES):
        data = mutate(random.Random(f"{name}/{number}"), seeds, target.structure)
        assert read(target, data) is None


@pytest.mark.slow
def test_the_command_counts_cases_and_keeps_what_failed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--only", "topic", "--only", "video", "--cases", "20"]
    done = subprocess.run(
        [*command, "--failed", tmp_path / "failed", "--json", tmp_path / "table.json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "2 parsers × 40 cases, seed 1: 0 failed" in done.stdout
    rows = json.loads((tmp_path / "table.json").read_text())["parsers"]
    assert [(row["parser"], row["cases"], row["failures"]) for row in rows] == [("topic", 20, []), ("video", 20, [])]
    assert not (tmp_path / "failed").exists()
