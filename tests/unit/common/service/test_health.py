"""Health is progress: a loop that stands, or a queue that doesn't move, isn't well though its process lives."""

import time
from pathlib import Path

from common.service.health import Health, Heartbeat, Progress, Pulse, answers, connected


def test_a_loop_that_stands_is_not_well() -> None:
    pulse = Pulse(limit=0.05)
    assert pulse() is None
    time.sleep(0.1)
    assert "loop hasn't turned" in (pulse() or "")
    pulse.beat()
    assert pulse() is None


def test_what_waits_has_to_move() -> None:
    waiting, moved = True, 0
    progress = Progress("no frame was answered", lambda: waiting, lambda: moved, limit=0.05)
    assert progress() is None
    time.sleep(0.1)
    assert "no frame was answered" in (progress() or "")
    moved = 1
    assert progress() is None
    time.sleep(0.1)
    waiting = False
    assert progress() is None
    waiting = True
    assert progress() is None, "the time with nothing to do doesn't count"


def test_health_names_all_that_is_wrong_and_no_text_of_an_error() -> None:
    def refuse() -> None:
        raise ConnectionError("redis://:secret@host")

    def broken() -> str | None:
        raise ValueError("secret")

    health = Health(connected(lambda: False), answers("Redis", refuse), broken, lambda: None)
    problems = health.problems()
    assert [problem.split()[0] for problem in problems] == ["the", "Redis", "a"]
    assert "secret" not in " ".join(problems)


def test_the_file_is_touched_only_while_all_is_well(tmp_path: Path) -> None:
    for problem in ("stuck", None):
        path = tmp_path / "healthy"
        with Heartbeat(path, Health(lambda problem=problem: problem)):
            time.sleep(0.3)
            assert path.exists() == (problem is None)
        assert not path.exists()
