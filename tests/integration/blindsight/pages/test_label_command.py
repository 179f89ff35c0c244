"""`blindsight data label` from its address to its end."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image

from models.samples import load_samples


@contextmanager
def labelling(folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "blindsight", "data", "label", str(folder), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def browser(process: "subprocess.Popen[str]") -> httpx.Client:
    """A client of the address that the command printed."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"(http://127\.0\.0\.1:\d+/)#(\S+)", line):
            return httpx.Client(base_url=found[1], headers={"Authorization": f"Bearer {found[2]}"}, trust_env=False)
    raise AssertionError("no address was printed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, frame in enumerate(load_samples("digits").frames[:3]):
        Image.fromarray(frame[:, :, 0]).save(tmp_path / f"{index}.png")
    return tmp_path


def test_it_ends_with_what_is_labelled_once_the_person_is_done(folder: Path) -> None:
    with labelling(folder, "--labels", "cat,dog") as process, browser(process) as client:
        keys = {each["label"]: each["key"] for each in client.get("/api/labelling").json()["labels"]}
        assert keys == {"cat": "c", "dog": "d"}
        client.post("/api/answers", json={"index": 0, "label": "dog"})
        client.post("/api/end", json={})
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output == f"1 of 3 crops have a label in {folder / 'labels.csv'}\n"
    assert (folder / "labels.csv").read_text() == "file,label\n0.png,dog\n"


def test_ctrl_c_ends_it_cleanly_and_nothing_is_lost(folder: Path) -> None:
    with labelling(folder, "--model", "digits") as process, browser(process) as client:
        client.post("/api/answers", json={"index": 2, "label": "4"})
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors and errors.strip().endswith("stopping")
    assert (folder / "labels.csv").read_text() == "file,label\n2.png,4\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "digits", "--labels", "a"], "leave one out"),
        (["--model", "nothing"], "unknown model"),
        (["--labels", "a,a"], "twice"),
        (["/nowhere"], "unexpected extra argument"),
    ],
)
def test_what_is_wrong_is_said_before_a_page_is_served(folder: Path, options: list[str], said: str) -> None:
    with labelling(folder, *options) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode and said in " ".join(errors.replace("│", "").split())
