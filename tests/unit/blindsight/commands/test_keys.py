"""`blindsight keys`: key sets are made, shown and exported; passphrases are asked for, and no secret shows."""

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from common.keys.key_set import load_key_set
from tests.unit.blindsight.runs import succeed


def in_terminal(typed: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a command in a terminal, where somebody types."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "blindsight", *arguments]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, start_new_session=True)
    os.close(its)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: all ends of the terminal are closed
        for line in typed.splitlines():
            while not shown.endswith(b": "):
                shown += os.read(ours, 1000)
            shown += b"|"
            os.write(ours, f"{line}\n".encode())
        while data := os.read(ours, 1000):
            shown += data
    os.close(ours)
    return process.wait(), shown.decode()


@pytest.mark.slow
def test_in_a_terminal_a_passphrase_is_asked_for_twice_and_never_shown(tmp_path: Path) -> None:
    folder = str(tmp_path / "set")
    code, shown = in_terminal("correct horse\ncorrect horse\n", "keys", "create", folder, "--plan", "digits")
    assert code == 0, shown
    assert shown.count("assphrase") >= 2 and "horse" not in shown and "isn't encrypted" not in shown
    assert load_key_set(Path(folder), "correct horse").fingerprint in shown
    code, shown = in_terminal("\n\n", "keys", "create", str(tmp_path / "open"), "--plan", "digits")
    assert code == 0 and "isn't encrypted: whoever reads the file reads every frame" in shown
    code, shown = in_terminal("", "keys", "create", folder, "--plan", "digits")
    assert code == 1 and "already holds a key set" in shown and "assphrase" not in shown


def test_a_key_set_is_made_shown_and_exported_without_its_secret(tmp_path: Path) -> None:
    folder, file = str(tmp_path / "set"), tmp_path / "evaluation.keys"
    made = succeed("keys", "create", folder, "--plan", "digits", "--json")
    assert made.stderr.count("isn't encrypted") == 1  # no terminal, nobody to ask
    assert json.loads(succeed("keys", "show", folder, "--json").stdout) == json.loads(made.stdout)
    succeed("keys", "export", folder, str(file))
    assert file.read_bytes() == (tmp_path / "set" / "evaluation.keys").read_bytes()


def test_the_public_part_of_a_key_set_is_written_and_shown_as_such(tmp_path: Path) -> None:
    folder, out = str(tmp_path / "set"), str(tmp_path / "public")
    made = json.loads(succeed("keys", "create", folder, "--plan", "digits", "--json").stdout)
    succeed("keys", "public", folder, out)
    shown = json.loads(succeed("keys", "show", out, "--json").stdout)
    assert made["secret_key"] == "not encrypted"
    assert shown == {**made, "folder": out, "secret_key": "not here: only the public part"}
