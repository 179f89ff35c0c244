"""The crops of a folder over HTTP: listed by the page, shown, labelled, and never more than these."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from blindsight.pages.labelling.crops import Labelling
from blindsight.pages.labelling.page import LabellingPage
from common.errors import ConfigurationError
from common.pictures.reading import decode_picture
from models.catalogue import load_network
from models.samples import load_samples
from tests.unit.blindsight.pages.conftest import Ask

LABELS = [*"0123456789", "between", "unreadable"]


def crops(folder: Path, number: int) -> None:
    for index, frame in enumerate(load_samples("digits").frames[:number]):
        Image.fromarray(frame[:, :, 0]).save(folder / f"{index:03d}-d1.png")


@pytest.fixture
def client(tmp_path: Path, ask: Ask) -> TestClient:
    crops(tmp_path, 5)
    return ask(LabellingPage(Labelling(tmp_path), LABELS))


def test_answers_are_in_the_file_and_lead_to_the_next_crop_without_a_label(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/api/labelling").json()["next"] == 0
    assert client.post("/api/answers", json={"index": 1, "label": "between"}).json()["next"] == 2
    answer = client.post("/api/answers", json={"index": 4, "label": "7"}).json()
    assert (answer["next"], answer["done"], answer["total"], answer["counts"]) == (0, 2, 5, {"between": 1, "7": 1})
    assert (tmp_path / "labels.csv").read_text() == "file,label\n001-d1.png,between\n004-d1.png,7\n"


def test_undo_goes_back_answer_by_answer(client: TestClient, tmp_path: Path) -> None:
    for index, label in ((0, "1"), (0, "2"), (3, "4")):
        client.post("/api/answers", json={"index": index, "label": label})
    undone = [client.post("/api/undo", json={}).json() for _ in range(4)]
    assert [(each["index"], each["label"], each["done"]) for each in undone] == [
        (3, None, 1),
        (0, "1", 1),
        (0, None, 0),
        (None, None, 0),
    ]
    assert (tmp_path / "labels.csv").read_text() == "file,label\n"


def test_the_list_comes_by_the_page_and_by_label(client: TestClient) -> None:
    client.post("/api/answers", json={"index": 2, "label": "3"})

    def listed(query: str) -> tuple[int, list[int]]:
        answer = client.get(f"/api/crops?{query}").json()
        return answer["total"], [crop["index"] for crop in answer["crops"]]

    assert listed("start=1&count=2") == (5, [1, 2])
    assert listed("start=4&count=100000") == (5, [4])
    assert listed("start=9&count=9") == (5, [])
    assert listed("only=3&count=9") == (1, [2])
    assert listed("only=&count=9") == (4, [0, 1, 3, 4])


@pytest.mark.parametrize("query", ["start=-1", "start=x", "count=1e3", "start=99999999999999999999", "count=²"])
def test_a_list_of_what_is_no_number_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/api/crops?{query}").status_code == 422


@pytest.mark.parametrize(
    "answer",
    [
        {"index": 5, "label": "1"},
        {"index": -1, "label": "1"},
        {"index": 0, "label": "eleven"},
        {"index": "../x.png", "label": "1"},
        {"index": 0, "label": 1},
        {"index": 0},
        {"index": 0, "label": "1", "file": "/etc/passwd"},
        [],
    ],
)
def test_an_answer_about_anything_else_changes_nothing(client: TestClient, tmp_path: Path, answer: object) -> None:
    assert client.post("/api/answers", json=answer).status_code in (404, 422)
    assert not (tmp_path / "labels.csv").exists()


def test_a_crop_comes_as_a_png_whatever_it_is_on_disk(client: TestClient, tmp_path: Path) -> None:
    response = client.get("/api/crops/0.png")
    assert response.headers["content-type"] == "image/png"
    shown = decode_picture(response.content, "shown")
    np.testing.assert_array_equal(shown, load_samples("digits").frames[0])
    (tmp_path / "000-d1.png").write_bytes(b"<script>alert(1)</script>")
    assert "can't be read" in client.get("/api/crops/0.png").json()["error"]


@pytest.mark.parametrize("path", ["5.png", "-1.png", "..%2f..%2fetc%2fpasswd", "000-d1.png", "0.png/../../labels.csv"])
def test_no_other_file_is_shown(client: TestClient, path: str) -> None:
    assert client.get(f"/api/crops/{path}").status_code == 404


def test_hostile_names_and_links_are_no_crops(tmp_path: Path) -> None:
    crops(tmp_path, 1)
    outside = tmp_path.parent / "outside.png"
    (tmp_path / "000-d1.png").rename(outside)
    (tmp_path / "link.png").symlink_to(outside)
    (tmp_path / "folder.png").mkdir()
    for name in (
        "line\nbreak.png",
        " space.png",
        b"latin\xe9.png".decode("utf-8", "surrogateescape"),
        ".hidden.png",
        "a.svg",
    ):
        (tmp_path / name).write_bytes(outside.read_bytes())
    with pytest.raises(ConfigurationError, match="no pictures"):
        Labelling(tmp_path)
    (tmp_path / '=cmd|"calc".png').write_bytes(outside.read_bytes())
    labelling = Labelling(tmp_path)
    labelling.answer(0, "1")
    assert Labelling(tmp_path).counts() == {"1": 1}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        Labelling(tmp_path / "nowhere")


def test_a_model_suggests_what_it_sees_of_crops_of_any_size(tmp_path: Path, ask: Ask) -> None:
    samples = load_samples("digits")
    crops(tmp_path, 8)
    with Image.open(tmp_path / "000-d1.png") as image:
        image.convert("RGB").resize((50, 60)).save(tmp_path / "000-d1.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    network = load_network("digits")
    client = ask(LabellingPage(Labelling(tmp_path), network.labels, network))
    listed = client.get("/api/crops?count=20").json()["crops"]
    assert listed.pop()["suggestion"] is None  # the one that is no picture
    assert [each["suggestion"]["label"] for each in listed] == [str(label) for label in samples.labels[:8]]
    assert all(0 < each["suggestion"]["probability"] <= 1 for each in listed)


def test_what_cannot_be_written_is_said(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").mkdir()
    (tmp_path / "labels.csv" / "in the way").touch()
    answer = client.post("/api/answers", json={"index": 0, "label": "1"})
    assert answer.status_code >= 422 and answer.json()["error"]


def test_done_ends_the_server(client: TestClient) -> None:
    assert not client.app.state.ended  # type: ignore[attr-defined]
    assert client.post("/api/end", json={}).status_code == 200
    assert client.app.state.ended  # type: ignore[attr-defined]
