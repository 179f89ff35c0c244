"""The audit log: who, when, from where, what; appended, its user's alone, and of bounded length."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigurationError
from web.access.audit import OLDER, Audit


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_who_when_from_where_and_what(tmp_path: Path) -> None:
    audit, before = Audit(tmp_path), time.time()
    audit.record("retry", "ada", "192.0.2.1", {"device": "hall", "jobs": ["a", "b"]})
    (line,) = lines(audit.path)
    assert before - 1 <= line.pop("at") <= time.time() + 1
    assert line == {
        "what": "retry", "who": "ada", "from": "192.0.2.1", "device": "hall", "jobs": ["a", "b"], "number_of_jobs": 2,
    }  # fmt: skip


def test_only_its_user_may_read_it(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.record("login", "ada", "")
    assert audit.path.stat().st_mode & 0o777 == 0o600


def test_a_hostile_name_is_one_short_line(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.record("login failed", "eve\n{}\x1b[2J" + "x" * 1_000_000, "\ud800", {"jobs": ["\n" * 999] * 5000})
    assert len(audit.path.read_bytes()) < 100_000
    (line,) = lines(audit.path)
    assert line["who"].isprintable() and line["number_of_jobs"] == 5000


def test_a_full_log_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    audit = Audit(tmp_path, most_bytes=1000)
    for number in range(200):
        audit.record("login failed", f"name {number:05d}", "192.0.2.1")
    kept = sorted(tmp_path.glob("audit.jsonl*"))
    assert len(kept) == OLDER + 1
    assert all(file.stat().st_size <= 1000 and file.stat().st_mode & 0o777 == 0o600 for file in kept)
    names = [line["who"] for file in [*reversed(kept[1:]), kept[0]] for line in lines(file)]
    assert names == sorted(names) and names[-1] == "name 00199"


def test_lines_of_several_threads_stay_whole(tmp_path: Path) -> None:
    audit = Audit(tmp_path, most_bytes=5000)
    threads = [
        threading.Thread(target=lambda: [Audit(tmp_path, 5000).record("login", "ada", "") for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(lines(file)) for file in tmp_path.glob("audit.jsonl*")) == 80
    assert audit.path.exists()


def test_what_can_not_be_written_is_refused_but_a_login_is_not(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.path.mkdir()
    with pytest.raises(ConfigurationError, match=r"audit\.jsonl can't be written"):
        audit.record("drop", "ada", "")
    audit.note("login", "ada", "")
