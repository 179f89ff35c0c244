"""What `add` accepted is there after kill -9."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from edge.outbox.outbox import Outbox

_CHILD = """
import sys
from pathlib import Path
from edge.outbox.outbox import Outbox
from tests.unit.edge.entries import add

outbox = Outbox(Path(sys.argv[1]), 10**9)
while True:
    print(add(outbox, 50_000), flush=True)
"""
_ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("lines", [1, 25])
def test_entries_survive_the_death_of_the_process(lines: int, tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(path)], cwd=_ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        accepted = list(itertools.islice(child.stdout, lines))
        child.kill()
        accepted += [line for line in child.stdout if line.endswith("\n")]

    outbox = Outbox(path, 10**9)
    kept = [pending.job for pending in outbox.due(0, 10**6)]
    counts = outbox.counts()
    counter = outbox.next_counter()
    outbox.close()
    jobs = [line.strip() for line in accepted]
    assert len(jobs) >= lines
    # The child may have died between `add` and `print`: one more entry, never one fewer.
    assert kept[: len(jobs)] == jobs
    assert len(kept) - len(jobs) in (0, 1)
    assert counts.accepted == counts.pending == len(kept)
    assert counter >= len(kept)
