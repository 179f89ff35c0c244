"""`blindsight data label` from its address to its end."""

import signal
from pathlib import Path

import pytest
from PIL import Image

from models.samples import load_samples
from tests.integration.blindsight.pages.commands import browser, serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, frame in enumerate(load_samples("digits").frames[:3]):
        Image.fromarray(frame[:, :, 0]).save(tmp_path / f"{index}.png")
    return tmp_path


def test_it_ends_with_what_is_labelled_once_the_person_is_done(folder: Path) -> None:
    with serving("data", "label", str(folder), "--labels", "cat,dog") as process, browser(process) as client:
        keys = {each["label"]: each["key"] for each in client.get("/api/labelling").json()["labels"]}
        assert keys == {"cat": "c", "dog": "d"}
        client.post("/api/answers", json={"index": 0, "label": "dog"})
        client.post("/api/end", json={})
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output == f"1 of 3 crops have a label in {folder / 'labels.csv'}\n"
    assert (folder / "labels.csv").read_text() == "file,label\n0.png,dog\n"


def test_ctrl_c_ends_it_cleanly_and_nothing_is_lost(folder: Path) -> None:
    with serving("data", "label", str(folder), "--model", "digits") as process, browser(process) as client:
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
@pytest.mark.slow
def test_what_is_wrong_is_said_before_a_page_is_served(folder: Path, options: list[str], said: str) -> None:
    with serving("data", "label", str(folder), *options) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode and said in " ".join(errors.replace("│", "").split())
