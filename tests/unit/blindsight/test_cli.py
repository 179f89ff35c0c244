"""The command line as a person meets it: help everywhere, and errors of one message."""

import contextlib
import json
import os
import pty
import random
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from blindsight.cli import app, main
from blindsight.command_line import service
from common.keys.key_set import create_key_set, load_key_set
from common.plan.plan_file import load_head, load_plan
from common.plan.predictions import upload_bytes, weight_bytes
from common.service.settings import load_settings
from edge.settings import DeviceSettings
from models.catalogue import plan_path


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "blindsight", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", **environment},
    )


def fail(*arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Run in this process what must end with exit code 1; its message on one line."""
    monkeypatch.setattr(sys, "argv", ["blindsight", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    return " ".join(capsys.readouterr().err.split())


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
        (["worker", "--plans", "digit"], "'digit' is neither a plan's file nor a shipped model: digits, meter, scenes"),
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
@pytest.mark.parametrize("locale", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"COLUMNS": "40"}])
def test_any_locale_and_width_will_do(locale: dict[str, str]) -> None:
    done = run("model", "show", "digits", "--json", **locale)
    assert json.loads(done.stdout)["stages"] and done.returncode == 0
    assert "32×11×11" in run("model", "show", "digits", **{"COLUMNS": "80", **locale}).stderr or "COLUMNS" in locale


@pytest.mark.slow
@pytest.mark.parametrize(("output", "code", "told"), [("/dev/full", 1, "No space left on device"), ("closed", 1, "")])
def test_output_that_nobody_can_take_ends_with_no_more_than_a_message(output: str, code: int, told: str) -> None:
    if output == "closed":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(output, os.O_WRONLY)
    command = [sys.executable, "-m", "blindsight", "model", "show", "digits", "--json"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == code
    assert done.stderr.removesuffix("\n") == (f"error: {told}" if told else "")


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


@pytest.mark.slow
def test_standard_output_that_is_closed_is_no_hindrance() -> None:
    command = f"{sys.executable} -m blindsight model show digits --json >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0


@pytest.mark.slow
def test_a_missing_plan_is_named_without_a_traceback() -> None:
    done = run("worker", "--plans", "/nowhere.plan")
    assert done.returncode == 1
    assert "can't read the plan /nowhere.plan" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_json_is_all_that_goes_to_standard_output() -> None:
    facts = json.loads(run("model", "show", "digits", "--json").stdout)
    assert facts["security_bits"] == 128
    assert facts["ring_dimension"] == 8192


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "device.toml"
    config.write_text(
        'camera = "folder:a"\nplan = "a.plan"\nstate = "s"\nrate = 1.0\nmqtt_port = 1\nmqtt_host = "file"\n'
    )
    monkeypatch.setenv("BLINDSIGHT_MQTT_PORT", "2")
    monkeypatch.setenv("BLINDSIGHT_RATE", "2.0")
    settings = load_settings(DeviceSettings, config, {"rate": 3.0, "camera": None})
    assert (settings.rate, settings.mqtt_port, settings.mqtt_host) == (3.0, 2, "file")
    assert settings.camera == "folder:a"


def test_no_secret_shows_in_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = DeviceSettings(camera="c", plan=Path("p"), state=tmp_path, mqtt_password="hunter2", passphrase="hunter3")
    assert "hunter" not in repr(settings) + str(settings) + settings.model_dump_json()


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
    made = CliRunner().invoke(app, ["keys", "create", folder, "--plan", "digits", "--json"])
    assert made.exit_code == 0, made.output
    assert made.stderr.count("isn't encrypted") == 1  # no terminal, nobody to ask
    assert json.loads(CliRunner().invoke(app, ["keys", "show", folder, "--json"]).stdout) == json.loads(made.stdout)
    assert CliRunner().invoke(app, ["keys", "export", folder, str(file)]).exit_code == 0
    assert file.read_bytes() == (tmp_path / "set" / "evaluation.keys").read_bytes()


def test_the_public_part_of_a_key_set_is_written_and_shown_as_such(tmp_path: Path) -> None:
    folder, out = str(tmp_path / "set"), str(tmp_path / "public")
    made = json.loads(CliRunner().invoke(app, ["keys", "create", folder, "--plan", "digits", "--json"]).stdout)
    assert CliRunner().invoke(app, ["keys", "public", folder, out]).exit_code == 0
    shown = json.loads(CliRunner().invoke(app, ["keys", "show", out, "--json"]).stdout)
    assert made["secret_key"] == "not encrypted"
    assert shown == {**made, "folder": out, "secret_key": "not here: only the public part"}


@pytest.mark.slow
def test_compiling_writes_a_plan_for_workers_and_a_head_for_devices(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["model", "compile", "digits", "-o", str(tmp_path / "digits.plan")])
    assert done.exit_code == 0, done.output
    assert load_plan(tmp_path / "digits.plan").head.hash == load_head(tmp_path / "digits.head").hash
    assert (tmp_path / "digits.head").stat().st_size < (tmp_path / "digits.plan").stat().st_size / 10


@pytest.mark.parametrize("layer", ["last", "-1", "8"])
@pytest.mark.slow
def test_compiling_the_last_layer_writes_a_plan_without_a_convolution(
    layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["model", "compile", "digits", "--encrypt-from", layer])
    assert done.exit_code == 0, done.output
    plan, head = load_plan(tmp_path / "digits-128-from8.plan"), load_head(tmp_path / "digits-128-from8.head")
    assert plan.head.hash == head.hash
    assert [stage.shape for stage in plan.stages] == [(10, 1, 1)]
    assert head.front and not plan.head.front


@pytest.mark.slow
def test_a_device_without_the_front_of_its_plan_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "digits.plan"
    done = CliRunner().invoke(app, ["model", "compile", "digits", "--encrypt-from", "last", "--out", str(file)])
    assert done.exit_code == 0, done.output
    arguments = ["--device", "a", "--camera", "samples:digits", "--state", str(tmp_path / "s"), "--plan", str(file)]
    refused = run("device", *arguments)
    assert refused.returncode == 1
    assert "give the .head file" in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_a_plan_for_several_frames_has_them_in_its_name_and_says_what_a_burst_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["model", "compile", "digits", "--frames-per-ciphertext", "64"])
    assert done.exit_code == 0, done.output
    plan = load_plan(tmp_path / "digits-128-k64.plan")
    assert plan.head.frames_per_ciphertext == load_head(tmp_path / "digits-128-k64.head").frames_per_ciphertext == 64
    facts = json.loads(CliRunner().invoke(app, ["model", "show", "digits-128-k64.plan", "--json"]).stdout)
    assert facts["upload_bytes"] == upload_bytes(plan.head)
    assert facts["upload_bytes_per_frame"] == round(upload_bytes(plan.head) / 64)
    assert facts["weight_bytes"] == weight_bytes(plan)
    assert facts["predicted_ms_per_frame"] == pytest.approx(facts["predicted_ms"] / 64, abs=0.1)


@pytest.mark.slow
def test_an_evaluation_reports_what_a_program_needs(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["model", "evaluate", "digits", "--frames", "3", "--json", str(tmp_path / "report")])
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "report").read_text())
    assert report["agreement"] == report["encrypted_accuracy"] == report["plain_accuracy_same_frames"] == 1.0
    assert report["max_score_error"] <= report["score_error_bound"]
    assert report["evaluate_ms"].keys() == {"p50", "p95"}
    assert {"plain_accuracy", "rotations", "key_bytes"} <= report.keys()


def test_brackets_in_a_message_are_no_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("model", "import", "[/b].onnx", "--calibrate", "frames.npz", "-o", str(tmp_path / "mine"))
    assert "the network is [/b].onnx" in fail(*arguments, monkeypatch=monkeypatch, capsys=capsys)


@pytest.mark.slow
def test_a_plan_is_simulated_on_all_samples() -> None:
    groups = ("--group", "even=0,2,4,6,8", "--group", "odd=1,3,5,7")
    done = run("model", "evaluate", "digits", "--simulate", "--json", "-", *groups)
    report = json.loads(done.stdout)
    assert (report["frames"], report["agreement"]) == (100, 1.0)
    assert [(each["group"], each["frames"]) for each in report["groups"]["groups"]] == [
        ("even", 50),
        ("odd", 40),
        ("", 10),
    ]
    assert report["max_score_difference"] < 1e-3


@pytest.mark.slow
def test_show_prints_what_each_stage_costs() -> None:
    done = run("model", "show", "digits", COLUMNS="80")
    assert done.returncode == 0
    assert "stage" in done.stderr and "32×11×11" in done.stderr and "bits left" in done.stderr


@pytest.mark.slow
def test_calibrate_keeps_the_times_where_predictions_read_them(tmp_path: Path) -> None:
    done = run("calibrate", "--json", XDG_CACHE_HOME=str(tmp_path))
    times = json.loads(done.stdout)
    assert times == json.loads((tmp_path / "blindsight" / "costs.json").read_text())
    assert {one["engine"] for one in times} >= {"pyfhel"}
    assert all(us > 0 for one in times for us in one["product"].values())
