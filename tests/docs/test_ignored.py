"""What the texts tell people to make, and must not get into the repository or an image, is ignored by both."""

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Commands that make something with secrets, or about somebody's frames, and where they put it.
MAKERS = [
    r"blindsight provision ([\w-]+)",
    r"blindsight keys create ([\w-]+)",
    r"blindsight keys public [\w-]+ ([\w-]+)",
    r"blindsight known-answers create ([\w-]+)",
    r"--state (?!offline)([\w-]+)",  # `status --state offline` shows, and makes nothing
    r"outbox export +--state [\w-]+ ([\w-]+)",
    r"-(?:keyout|out) ([\w.]+)",
    # Models: their weights, and frames that they are made from.
    r"model import ([\w.]+)",
    r"model (?:import|train) .* -o ([\w-]+)",
    r"--keep-frames ([\w-]+)",
    r"(?:--data|--calibrate) ([\w.-]+)",
    r"(?<![\w-])(\w+-128[\w-]*\.(?:plan|head|sealed))\b",
]
#: The other formats of an export.
EXPORTS = {"week.csv", "week.jsonl"}
MADE = sorted(EXPORTS | {name for text in TEXTS for maker in MAKERS for name in re.findall(maker, text.read_text())})
ANYWHERE = [
    "x/secret.key",
    "x/times-secret.key",
    "x/password",
    "x/redis-password",
    "x/devices.passwd",
    "x/outbox.sqlite",
    "x/labels.sqlite-wal",
]


def test_each_kind_of_command_is_in_the_texts() -> None:
    assert {"site", "site-keys", "public", "known", "cam-01", "site-record", "dead", "ca.key"} <= set(MADE)
    assert {"mine", "kept", "gate", "net.onnx", "frames.npz", "mine-128-unsealed.plan", "mine-128.sealed"} <= set(MADE)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git's rules need its repository")
def test_git_ignores_it_and_nothing_that_is_ours() -> None:
    asked = [name if "." in name else f"{name}/anything" for name in MADE] + ANYWHERE
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *asked], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == asked
    ours = subprocess.check_output(["git", "ls-files", "-ci", "--exclude-standard"], cwd=ROOT)
    assert not ours


def test_images_do_not_get_it() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line]
    for name in MADE:
        assert any(fnmatch(name, rule) for rule in rules), name
    for path in ANYWHERE:
        assert any(fnmatch(path.split("/")[1], rule.removeprefix("**/")) for rule in rules), path
