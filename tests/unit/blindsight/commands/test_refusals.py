"""What can be told about a command's settings is told before it makes, asks or computes anything."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blindsight.cli import main
from common.keys.key_set import create_key_set
from common.plan.plan_file import load_head
from models.catalogue import plan_path
from tests.meter_pictures import write_meter

Fail = Callable[[str], str]


@pytest.fixture
def fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fail:
    """Runs, in an empty folder, what must end with exit code 1; gives its message on one line."""
    monkeypatch.chdir(tmp_path)

    def run(command: str) -> str:
        monkeypatch.setattr(sys, "argv", ["blindsight", *shlex.split(command)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        return " ".join(capsys.readouterr().err.split())

    return run


@pytest.fixture
def nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where a command begins what takes long, or asks: keys, plans, imports, passphrases."""

    def begun(*_: object, **__: object) -> None:
        raise AssertionError("it was begun")

    for what in (
        "edge.encryption.create_key_set",
        "blindsight.commands.keys.create_key_set",
        "blindsight.commands.keys._ask_passphrase",
        "blindsight.commands.model.compile.compile_plan",
        "blindsight.commands.known_answers.get_plan",
        "blindsight.commands.model.seal.get_plan",
        "blindsight.commands.model.importing.import_network.import_network",
        "compiler.labelled.load_labelled",
    ):
        monkeypatch.setattr(what, begun)


def made(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


DEVICE = "device --device cam-01 --plan digits --state state "


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("--camera webcam:0", "needs OpenCV, and that isn't installed; run: "),
        ("--camera video:none.mp4", "there is no file none.mp4"),
        ("--camera folder:none", "camera is folder:none, which can't be read"),
        ("--camera folder:none --watch", "camera is folder:none, which can't be read"),
        ("--camera folder:. --watch --loop", "watch is for folders, and not together with loop"),
        ("--camera folder:. --watch --identities pool", "watch is set together with identities"),
        ("--camera rtsp://me:hunter2@127.0.0.1/x", "camera rtsp://127.0.0.1/x needs OpenCV"),
        ("--camera http://h/ --camera-password-file none", "camera_password_file is none, which doesn't exist"),
        ("--camera samples:digits --results /dev/null/results", "results is /dev/null/results, which can't be written"),
        ("--camera samples:digits --results /dev/null", "results is /dev/null, which can't be written: it is no reg"),
        ("--camera samples:digits --health-file /dev/null/h", "health_file is /dev/null/h, which can't be written"),
        ("--camera samples:digits --keys /dev/null/keys", "keys is /dev/null/keys, which can't be made"),
        ("--camera samples:digits --state /dev/null/state", "state is /dev/null/state, which is no folder"),
        ("--camera samples:digits --known-answers none", "known_answers is none, which can't be read"),
        (
            "--camera samples:digits --known-answers none --regions a.toml",
            "and regions is a.toml: in a picture's burst",
        ),
        ("--camera samples:digits --regions none.toml", "regions is none.toml, which can't be read: No such file"),
        ("--camera samples:digits --motion 2", "motion needs OpenCV, and that isn't installed; run: "),
        ("--camera samples:digits --mqtt-ca-file none", "mqtt_ca_file is none, which can't be used"),
        ("--camera samples:digits --device bridge", "device id"),
        ("--camera samples:digits --custody site", "state/keys holds no key set; copy the public part"),
        ("--camera samples:digits --group odd=1,ten", "has the label 'ten', which isn't one of the model's, 0, 1, 2"),
        ("--camera samples:digits --group odd", "group is 'odd'; give NAME=LABEL,LABEL"),
        ("--camera samples:digits --custody site --group odd=1,3", "group is set, and custody is 'site'"),
        ("--camera samples:digits --custody site --webhook http://h/", "webhook is set, and custody is 'site'"),
        ("--camera samples:digits --custody site --publish-mqtt mqtt://h", "publish_mqtt is set, and custody is"),
        ("--camera samples:digits --publish-mqtt-ca-file none", "give publish_mqtt too"),
        ("--camera samples:scenes --plan scenes --outbox-mb 1", "raise --outbox-mb"),
        ("--camera samples:digits --plan none.head", "can't read the plan none.head"),
    ],
)
@pytest.mark.slow
def test_a_device_that_is_refused_leaves_nothing_behind(
    settings: str, message: str, fail: Fail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    told = fail(DEVICE + settings)
    assert message in told and "hunter2" not in told
    assert made(tmp_path) == []


@pytest.mark.usefixtures("nothing_is_made")
def test_a_state_folder_of_another_device_is_refused(fail: Fail, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "owner").write_text("cam-02\n")
    told = fail(DEVICE + "--camera samples:digits")
    assert "state is state, which holds the frames and keys of cam-02, and this is cam-01; give each" in told


@pytest.mark.usefixtures("nothing_is_made")
def test_regions_that_the_device_cannot_use_are_refused_with_the_fix(fail: Fail, tmp_path: Path) -> None:
    write_meter(tmp_path, "34568")
    told = fail(DEVICE + "--camera samples:digits --regions meter.toml")
    assert "5 regions, which are one burst, and a ciphertext of this plan takes 1 frame; give a plan compiled" in told
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("nothing_is_made")
def test_a_device_of_a_pool_that_is_refused_leaves_nothing_behind(
    fail: Fail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    (tmp_path / "pool" / "cam-01").mkdir(parents=True)
    (tmp_path / "pool" / "cam-01" / "password").write_text("secret")
    assert "needs OpenCV" in fail("device --identities pool --plan digits --state state --camera webcam:0")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("--keys none", "none/keyset.json is missing"),
        ("--keys public", "it's the public part"),
        ("--keys keys --plans none.head", "can't read the plan none.head"),
        ("--keys keys --plans scenes", "blindsight keys create"),
        ("--keys keys --state /dev/null/state", "state is /dev/null/state, which is no folder"),
        ("--keys keys --known-answers none", "known_answers is none, which can't be read"),
        ("--keys keys --forward-command none-such", "there is no such program; give its path"),
        ("--keys keys --group odd=1,ten", "has the label 'ten', which isn't one of the model's, 0, 1, 2"),
        ("--keys keys --webhook ftp://h/", "webhook: Input should be http:// or https://"),
        ("--keys keys --webhook https://h/ --webhook-secret-file none", "webhook_secret_file is none"),
        ("--keys keys --publish-mqtt mqtt://me:hunter2@h", "give publish_mqtt_password_file"),
        ("--keys keys --publish-mqtt mqtts://h", "publish_mqtt_ca_file says how its certificate is checked"),
        ("--keys keys --mqtt-ca-file none", "mqtt_ca_file is none, which can't be used"),
        ("--keys keys --health-file /dev/null/h", "health_file is /dev/null/h, which can't be written"),
    ],
)
@pytest.mark.slow
def test_a_console_that_is_refused_makes_no_record(
    settings: str, message: str, fail: Fail, tmp_path: Path, digits_keys: Path
) -> None:
    (tmp_path / "keys").symlink_to(digits_keys)
    (tmp_path / "public").mkdir()
    for name in ("keyset.json", "public.key", "times-public.key"):
        (tmp_path / "public" / name).write_bytes((digits_keys / name).read_bytes())
    before = made(tmp_path)
    told = fail(f"console --plans digits --state state {settings}")
    assert message in told or (message == "it's the public part" and "public part of a key set" in told)
    assert made(tmp_path) == before


@pytest.fixture(scope="module")
def digits_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "keys"
    create_key_set(load_head(plan_path("digits", 128)), folder)
    return folder


@pytest.mark.usefixtures("nothing_is_made")
@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("keys create keys --plan none.head", "can't read the plan none.head"),
        ("keys create /dev/null/keys --plan digits", "folder is /dev/null/keys, which can't be made: Not a directory"),
        ("keys create full --plan digits", "folder is full, which isn't empty"),
        ("known-answers create full --model digits --data frames.npz", "folder is full, which isn't empty"),
        ("known-answers create /dev/null/k --model digits --data frames.npz", "folder is /dev/null/k, which can't be"),
        ("model import net.onnx --calibrate frames.npz -o /dev/null/mine", "out is /dev/null/mine, which is no folder"),
        ("model import net.onnx --calibrate frames.npz -o mine --json /dev/null/r", "json is /dev/null/r, which can't"),
        ("model compile digits --out none/digits.plan", "out is none/digits.plan, which can't be written: No such"),
        ("model compile digits --out digits.head", "out is digits.head, the name of the head that is written beside"),
        ("model compile digits --out full", "out is full, which can't be written: Is a directory"),
        ("model seal digits --key-set none --out none/digits.sealed", "out is none/digits.sealed, which can't be"),
        ("model train digits --data frames.npz --out /dev/null/mine", "out is /dev/null/mine/network.npz, which can't"),
    ],
)
def test_a_command_that_cannot_write_begins_nothing(command: str, message: str, fail: Fail, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert message in fail(command)
    assert made(tmp_path) == ["full", "full/file"]


def test_a_report_that_is_never_written_leaves_no_empty_file(fail: Fail, tmp_path: Path) -> None:
    assert "unknown model 'digist'" in fail("model evaluate digist --json report.json")
    assert made(tmp_path) == []


def test_known_answers_take_a_shipped_models_name_for_its_plan(fail: Fail, tmp_path: Path) -> None:
    np.savez(tmp_path / "frames.npz", frames=np.zeros((1, 28, 28), np.uint8), labels=[0])
    told = fail("known-answers create known --model digits --data frames.npz --plan digits")
    assert "none of the 1 frames can be a known answer" in told  # the plan was found, and its noise known
    assert json.dumps(made(tmp_path)) == '["frames.npz"]'


@pytest.mark.parametrize("service", ["console", "worker"])
def test_plan_in_place_of_plans_is_answered_with_the_right_name(
    service: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["blindsight", service, "--plan", "digits"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "No such option: --plan" in told and "--plans" in told
