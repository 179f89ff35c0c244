"""Devices, dead letters and stories by REST, and who may change something."""

import io
import zipfile

import pytest
from starlette.testclient import TestClient

from tests.web_site import MemorySite
from web.access.access import Access


def jobs(site: MemorySite) -> list[str]:
    return [letter.job for letter in site.dead_letters("garage", None, 9).items]


def test_devices_are_found_by_name_and_condition(viewer: TestClient) -> None:
    def names(query: str) -> list[str]:
        return [each["device"] for each in viewer.get(f"/api/v1/devices?{query}").json()["items"]]

    assert names("search=door") == ["door-north", "door-south"]
    assert names("condition=alarm") == ["garden"]
    assert "garage" in names("condition=parked") and "hall" not in names("condition=parked")


def test_a_device_has_its_last_label_and_its_spark(viewer: TestClient, site: MemorySite) -> None:
    site.add_label("hall", "<script>alert(1)</script>")
    told = viewer.get("/api/v1/devices/hall").json()
    assert told["last"]["label"] == "<script>alert(1)</script>" and len(told["spark"]) == 60


def test_a_keeper_retries_drops_and_exports(keeper: TestClient, site: MemorySite) -> None:
    first, second, third = jobs(site)
    path = "/api/v1/devices/garage/dead-letters"
    answer = keeper.post(f"{path}/export", json={"jobs": [first, second]})
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="dead-letters.zip"'
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert keeper.post(f"{path}/retry", json={"jobs": [first, "not there"]}).json() == {"changed": 1}
    assert keeper.post(f"{path}/drop", json={"jobs": [second]}).json() == {"changed": 1}
    assert jobs(site) == [third] and site.retried == [first] and site.dropped == [second]


@pytest.mark.parametrize("what", ["retry", "drop", "export"])
def test_a_viewer_does_not_nor_a_token_that_only_reads(
    viewer: TestClient, guest: TestClient, stranger: TestClient, access: Access, site: MemorySite, what: str
) -> None:
    before = jobs(site)
    path, body = f"/api/v1/devices/garage/dead-letters/{what}", {"jobs": before}
    assert viewer.post(path, json=body).status_code == guest.post(path, json=body).status_code == 403
    stranger.headers["Authorization"] = f"Bearer {access.tokens.make('keeper', 'script', ['read'])[1]}"
    assert stranger.post(path, json=body).status_code == 403
    assert jobs(site) == before


@pytest.mark.parametrize(
    "body", [{}, {"jobs": []}, {"jobs": "all"}, {"jobs": ["a"] * 1001}, {"jobs": ["a"], "all": True}]
)
def test_jobs_are_named_one_by_one(keeper: TestClient, body: object) -> None:
    assert keeper.post("/api/v1/devices/garage/dead-letters/drop", json=body).status_code == 422


def test_dead_letters_of_a_device_that_is_not_there_are_not(keeper: TestClient) -> None:
    assert keeper.post("/api/v1/devices/nobody/dead-letters/drop", json={"jobs": ["a"]}).status_code == 404


def test_a_story_has_its_pictures_under_addresses_of_their_own(viewer: TestClient) -> None:
    told = viewer.get("/api/v1/devices/hall/story").json()
    shown = [each for each in told["parties"] if each["picture"]]
    assert {each["holds"] for each in shown} >= {"picture", "ciphertext"}
    for each in shown:
        picture = viewer.get(each["picture"])
        assert picture.content.startswith(b"\x89PNG") and picture.headers["content-type"] == "image/png"
        assert picture.headers["cache-control"] == "no-store"
        again = viewer.get(each["picture"], headers={"If-None-Match": picture.headers["etag"]})
        assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == picture.headers["etag"]
    assert viewer.get("/api/v1/devices/hall/story?job=none").status_code == 404
    assert viewer.get("/api/v1/devices/hall/story/worker.jpg").status_code == 404


def test_settings_tell_of_secrets_only_whether_they_are_set(viewer: TestClient) -> None:
    secrets = [each for each in viewer.get("/api/v1/settings").json() if each["secret"]]
    assert secrets and {each["value"] for each in secrets} <= {"set", "not set"}


def test_an_answer_that_has_not_changed_is_not_sent_again(
    viewer: TestClient, keeper: TestClient, site: MemorySite
) -> None:
    first = viewer.get("/api/v1/labels?device=hall")
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    asked = {"If-None-Match": f'"other", {tag}'}
    assert viewer.get("/api/v1/labels?device=hall", headers=asked).status_code == 304
    assert viewer.get("/api/v1/labels?device=garage", headers=asked).status_code == 200
    assert keeper.get("/api/v1/labels?device=hall", headers=asked).status_code == 200
    site.add_label("hall", "cat")
    assert viewer.get("/api/v1/labels?device=hall", headers=asked).status_code == 200
