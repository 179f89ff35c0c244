"""Regions over HTTP: cropped as the network sees them, and saved as a file that can be read back."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from blindsight.pages.regions_page import RegionsPage
from common.pictures.cropping import crop
from common.pictures.normalise import normalise
from common.pictures.picture import Picture
from common.pictures.reading import decode_picture
from common.pictures.region_file import load_regions, parse_regions
from common.readings.spec import load_layout
from models.catalogue import load_network
from models.samples import load_samples
from tests.unit.blindsight.pages.conftest import Ask
from tests.unit.blindsight.pages.digits_picture import PROPOSAL, digits_picture


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "meter.toml"


@pytest.fixture
def client(out: Path, ask: Ask) -> TestClient:
    return ask(RegionsPage(digits_picture(), parse_regions(PROPOSAL, out), out, load_network("digits")))


@pytest.fixture
def draft(client: TestClient) -> dict[str, Any]:
    state = client.get("/api/regions").json()
    return {"regions": state["regions"], "readings": state["readings"]}


def save(client: TestClient, draft: object, overwrite: bool = False) -> Any:
    return client.post("/api/save", json={"draft": draft, "overwrite": overwrite})


def picture(data: str) -> Picture:
    kind, _, encoded = data.partition(",")
    assert kind == "data:image/png;base64"
    return decode_picture(base64.b64decode(encoded), kind)


def test_the_page_begins_with_the_proposal_and_the_picture(client: TestClient, out: Path) -> None:
    state = client.get("/api/regions").json()
    assert [region["name"] for region in state["regions"]] == ["d1", "d2", "d3"]
    assert state["size"] == [320, 240] and state["out"] == str(out)
    shown = decode_picture(client.get("/api/picture.png").content, "shown")
    np.testing.assert_array_equal(shown, digits_picture())


def test_a_proposal_for_another_size_of_picture_is_scaled(out: Path, ask: Ask) -> None:
    large = np.repeat(np.repeat(digits_picture(), 2, axis=0), 2, axis=1)
    state = ask(RegionsPage(large, parse_regions(PROPOSAL, out), out)).get("/api/regions").json()
    assert state["size"] == [640, 480] and state["regions"][0]["corners"][0] == [80, 160]


def test_crops_are_what_the_network_sees_with_its_label(client: TestClient, draft: dict[str, Any]) -> None:
    crops = client.post("/api/crops", json=draft["regions"]).json()
    region = parse_regions(PROPOSAL, Path("x")).regions[0]
    seen = crop(digits_picture(), region.corners)
    np.testing.assert_array_equal(picture(crops[0]["seen"]), seen)
    np.testing.assert_array_equal(picture(crops[0]["frame"]), normalise(seen, region.normalise, (28, 28, 1)))
    labels = [str(label) for label in load_samples("digits").labels[:3]]
    assert [each["suggestion"]["label"] for each in crops] == labels


def test_a_region_that_is_none_is_said_beside_the_others(client: TestClient, draft: dict[str, Any]) -> None:
    corners = draft["regions"][1]["corners"]
    corners[0], corners[1] = corners[1], corners[0]
    crops = client.post("/api/crops", json=draft["regions"]).json()
    assert "cross" in crops[1]["wrong"] and "frame" not in crops[1]
    assert crops[0]["suggestion"] and crops[2]["suggestion"]


def test_what_is_saved_is_read_back(client: TestClient, draft: dict[str, Any], out: Path) -> None:
    draft["regions"][0]["corners"][0] = [41.5, 79.25]
    draft["regions"][2] |= {"name": "last", "normalise": "light"}
    draft["readings"][0] |= {"regions": ["d1", "last"], "decimals": 1, "unit": "kWh", "max_rate": 2.5}
    assert save(client, draft).json() == {"saved": True}
    saved = load_regions(out)
    assert saved.names == ("d1", "d2", "last") and saved.regions[2].normalise == "light"
    assert saved.regions[0].corners[0] == (41.5, pytest.approx(79.25, abs=0.06))
    (spec,) = load_layout(out).readings
    assert (spec.regions, spec.decimals, spec.unit, spec.max_rate) == (("d1", "last"), 1, "kWh", 2.5)
    assert out.read_text().startswith("# Regions of a camera's pictures")
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert client.app.state.ended  # type: ignore[attr-defined]


def test_a_file_that_is_there_is_replaced_only_after_a_confirmation(
    client: TestClient, draft: dict[str, Any], out: Path
) -> None:
    out.write_text("mine")
    assert save(client, draft).json() == {"saved": False}
    assert out.read_text() == "mine" and not client.app.state.ended  # type: ignore[attr-defined]
    assert save(client, draft, overwrite=True).json() == {"saved": True}
    assert load_regions(out).names == ("d1", "d2", "d3")


def crossing(draft: Any) -> None:
    corners = draft["regions"][0]["corners"]
    corners[0], corners[1] = corners[1], corners[0]


def outside(draft: Any) -> None:
    draft["regions"][0]["corners"][0] = [-500, 10]


def named_twice(draft: Any) -> None:
    draft["regions"][0]["name"] = "d2"


def named_wildly(draft: Any) -> None:
    draft["regions"][0]["name"] = 'd1"\n[[mark]]\nbox = [0, 0, 9, 9]'


def no_regions(draft: Any) -> None:
    draft["regions"].clear()


def reading_of_nothing(draft: Any) -> None:
    draft["readings"][0]["regions"] = ["d9"]


def reading_with_tables(draft: Any) -> None:
    draft["readings"][0]["x = 1\n[mark]\ny"] = 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (crossing, "cross"),
        (outside, "outside"),
        (named_twice, "name"),
        (named_wildly, "name"),
        (no_regions, "region"),
        (reading_of_nothing, "regions"),
        (reading_with_tables, ""),
    ],
)
def test_what_cannot_be_read_back_is_not_saved(
    client: TestClient, draft: dict[str, Any], out: Path, spoil: Any, message: str
) -> None:
    spoil(draft)
    answer = save(client, draft)
    assert answer.status_code == 422 and message in answer.json()["error"]
    assert not any(out.parent.iterdir()) and not client.app.state.ended  # type: ignore[attr-defined]


def test_a_request_of_another_form_is_refused(client: TestClient) -> None:
    for body in (b"", b"{}", b"[1]", b'{"draft": 1}', b"\xff", b"[" * 9000):
        assert client.post("/api/save", content=body).status_code == 422
        assert client.post("/api/crops", content=body).status_code == 422


def test_a_folder_that_cannot_be_written_is_said(client: TestClient, draft: dict[str, Any], out: Path) -> None:
    out.mkdir()
    answer = save(client, draft, overwrite=True)
    assert answer.status_code == 422 and "can't be written" in answer.json()["error"]
