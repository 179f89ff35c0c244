"""Errors of one message, whatever was given."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from blindsight.command_line import service
from common.keys.key_set import create_key_set
from common.plan.plan_file import load_head
from models.catalogue import plan_path
from tests.unit.blindsight.runs import fail, run


def test_the_version_is_told() -> None:
    assert run("--version").stdout.startswith("blindsight 0.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model", "show", "digist"], "unknown model 'digist'; shipped: digits"),
        (["model", "show", "digits", "--security", "100"], "choose one of 128, 192, 256"),
        (["keys", "show", "/nowhere"], "blindsight keys create"),
        (["bridge", "--mqtt-port", "70000"], "mqtt_port"),
        (["bridge", "--redis-url", "http://x"], "redis_url"),
        (["bridge", "--config", "/nowhere.toml"], "doesn't exist"),
        (["bridge", "--mqtt-password-file", "/dev/null"], "mqtt_password_file is /dev/null, which is empty"),
        (["model", "evaluate", "digits", "--json", "/dev/null/x"], "json is /dev/null/x, which can't be written"),
        (["demo", "--json", "/"], "json is /, which can't be written: Is a directory"),
        (["keys", "show", "/dev/null"], "Not a directory"),
        (
            ["keys", "create", "k", "--plan", "digits", "--no-passphrase", "--passphrase-file", "x"],
            "exclude each other",
        ),
        (["device", "outbox", "list", "--state", "/dev/null"], "/dev/null"),
        (["worker"], "plans"),
        (
            ["worker", "--plans", "digit"],
            "'digit' is neither a plan's file nor a shipped model: digits, meter, scenes",
        ),
        (["device", "--device", "a"], "camera"),
        (["demo", "--frames-per-ciphertext", "3"], "give auto, or a power of two from 1 to 16384"),
        (["model", "compile", "digits", "--frames-per-ciphertext", "many"], "frames_per_ciphertext is 'many'"),
        (["model", "compile", "digits", "--encrypt-from", "9"], "give last, or the place of a layer of digits: 0 Crop"),
        (["model", "show", "digits", "--encrypt-from", "first"], "encrypt_from is 'first'; give last"),
        (["model", "compile", "scenes", "--encrypt-from", "9"], "layer 11 (Add) behind it reads layer 6 before it"),
        (["model", "train", "digits", "--data", "x", "--activation", "relu"], "choose one of learned, x2+2x, none"),
        (["model", "train", "scenes", "--data", "x", "--activation", "none"], "can't be trained with; leave it out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_ends_with_one_message(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in fail(*arguments, monkeypatch=monkeypatch, capsys=capsys)


@pytest.fixture(scope="module")
def wrong_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What may stand where a file or folder is expected, and a key set."""
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "rubbish").write_bytes(random.Random(3).randbytes(3000))
    (folder / "empty").touch()
    (folder / "folder").mkdir()
    create_key_set(load_head(plan_path("digits", 128)), folder / "keys")
    return {"rubbish": "rubbish", "empty": "empty", "folder": "folder", "null": "/dev/null"} | {"cwd": str(folder)}


_DEVICE = "device --device a --mqtt-port 2 --state STATE --camera samples:digits --plan digits --keys keys "


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["rubbish", "empty", "folder", "null"])
def test_whatever_stands_for_a_file_there_is_one_message(
    wrong: str, wrong_files: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(wrong_files["cwd"])
    monkeypatch.setattr(service, "configure_logs", lambda *_: None)  # for good, and this standard error goes
    for number, words in enumerate(
        (
            "bridge --mqtt-password-file FILE",
            "status --redis-password-file FILE",
            "worker --plans FILE",
            _DEVICE + "--plan FILE",
            _DEVICE + "--state rubbish/x",
            _DEVICE + "--passphrase-file FILE",
            _DEVICE + "--known-answers FILE",
            _DEVICE + "--camera video:FILE",
            _DEVICE + "--regions FILE",
            "camera preview --camera folder:folder --regions FILE --model digits -o new.png",
            "camera test --regions FILE/x --model digits new.png",
            _DEVICE + "--custody site --keys FILE",
            "console --plans digits --state c --keys FILE",
            "console --plans FILE --state c --keys keys",
            "console --plans digits --state c --keys keys --known-answers FILE",
            "keys show FILE",
            "keys export FILE out",
            "keys export keys FILE/x/x",
            "keys public FILE out",
            "keys public keys FILE/x/x" if wrong != "folder" else "keys public keys keys",
            "keys create new --plan FILE",
            "keys create new --plan digits --passphrase-file FILE",
            "known-answers create new --model digits --data FILE",
            "known-answers create new --model FILE --data FILE",
            "model show FILE",
            "model compile digits --data FILE",
            "model evaluate digits --frames 1 --data FILE",
            "model evaluate digits --frames 1 --json FILE/x/x",
            "model import FILE --calibrate FILE -o new",
            "model train digits --data FILE",
            "model seal FILE --key-set keys",
            "device outbox list --state FILE",
            "device outbox drop --all --yes --state FILE",
            "demo --model FILE",
        )
    ):
        line = words.replace("FILE", wrong_files[wrong]).replace("STATE", f"state-{wrong}-{number}")
        with capture_logs():  # a worker that is root's says so before
            message = fail(*line.split(), monkeypatch=monkeypatch, capsys=capsys)
        assert message.startswith("error: "), words


def test_a_wrong_variable_of_the_environment_is_named_without_a_traceback() -> None:
    done = run("bridge", BLINDSIGHT_MQTT_PORT="many")
    assert done.returncode == 1
    assert "BLINDSIGHT_MQTT_PORT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_missing_plan_is_named_without_a_traceback() -> None:
    done = run("worker", "--plans", "/nowhere.plan")
    assert done.returncode == 1
    assert "can't read the plan /nowhere.plan" in done.stderr
    assert "Traceback" not in done.stderr


def test_brackets_in_a_message_are_no_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("model", "import", "[/b].onnx", "--calibrate", "frames.npz", "-o", str(tmp_path / "mine"))
    assert "the network is [/b].onnx" in fail(*arguments, monkeypatch=monkeypatch, capsys=capsys)


@pytest.mark.slow
@pytest.mark.parametrize("home", [None, "/dev/null"])
def test_without_a_usable_home_the_times_that_ship_are_taken(home: str | None) -> None:
    """A user whose id has no entry in passwd, as in a container."""
    source = "import os, pwd; pwd.getpwuid = {}.__getitem__; from blindsight.__main__ import main; main()"
    environment = {"PATH": "/usr/bin:/bin", "COLUMNS": "200"} | ({} if home is None else {"HOME": home})
    # The shell is the one that is named, whatever process runs the tests.
    environment["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"
    command = [sys.executable, "-c", source]

    def told(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, env=environment)

    assert told("model", "show", "digits").returncode == 0
    refused = told("calibrate")
    assert refused.returncode == 1
    assert "set XDG_CACHE_HOME to a folder" in refused.stderr
    if home is None:
        refused = told("--install-completion", "bash")
        assert (refused.returncode, refused.stderr.count("HOME isn't set")) == (1, 1)
