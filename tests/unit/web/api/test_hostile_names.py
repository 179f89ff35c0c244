"""Whatever stands in a parameter is a name of nothing: it breaks nothing, and comes back in no answer."""

from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.web_site import MemorySite
from web.site import DeviceView

NAMES = {
    "script": "<script>alert(1)</script>",
    "path": "../../../etc/passwd",
    "null": "a\0b",
    "emoji": "📷🏳️‍🌈",
    "line": "a\r\nSet-Cookie: x=y",
    "quote": "' OR 1=1 --",
    "like": "%_%",
    "direction": "\u202ecba",
    "format": "{0}{x!r}%s%n",
    "long": "x" * 5000,
    "longer": "x" * 60_000,
    "slash": "a/b//c",
    "bytes": "\udcff",
}
PLACES = [
    "/api/v1/devices?search={}",
    "/api/v1/devices?condition={}",
    "/api/v1/devices?cursor={}",
    "/api/v1/devices/{}",
    "/api/v1/devices/{}/story",
    "/api/v1/devices/hall/story?job={}",
    "/api/v1/devices/hall/story/{}.png",
    "/api/v1/labels?device={}",
    "/api/v1/labels?label={}",
    "/api/v1/labels?group={}",
    "/api/v1/labels?region={}",
    "/api/v1/labels?start={}",
    "/api/v1/labels?order={}",
    "/api/v1/labels?limit={}",
    "/api/v1/labels/plot?points={}",
    "/api/v1/readings?name={}",
    "/api/v1/readings?state={}",
    "/api/v1/readings/plot?device=hall&name={}",
    "/api/v1/exports/labels?format={}",
    "/api/v1/exports/labels?label={}",
    "/api/v1/alarms?device={}",
    "/api/v1/dead-letters?device={}",
    "/api/v1/{}",
    "/{}",
    "/static/{}",
]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_hostile_name_in_any_place_of_an_address(viewer: TestClient, name: str) -> None:
    for place in PLACES:
        answer = viewer.get(place.format(quote(name, safe="", errors="surrogateescape")))
        assert answer.status_code in (200, 400, 404, 414, 422), place
        assert "set-cookie" not in answer.headers
        if answer.status_code != 200:
            assert name not in answer.text and "root:" not in answer.text
        if answer.headers["content-type"].startswith("text/html"):
            assert "<script" not in answer.text


@pytest.mark.parametrize("name", [*NAMES.values(), "x" * 1_000_000], ids=[*NAMES, "a megabyte"])
def test_a_hostile_name_in_any_field_of_a_body(keeper: TestClient, stranger: TestClient, name: str) -> None:
    text = name.encode(errors="backslashreplace").decode()
    for client, path, body in (
        (stranger, "/api/v1/session", {"name": text, "password": text}),
        (stranger, "/api/v1/first", {"token": text, "name": text, "password": text}),
        (keeper, "/api/v1/tokens", {"name": text, "scopes": ["read"]}),
        (keeper, "/api/v1/tokens", {"name": "x", "scopes": [text]}),
        (keeper, "/api/v1/devices/garage/dead-letters/retry", {"jobs": [text]}),
        (keeper, "/api/v1/devices/garage/dead-letters/export", {"jobs": [text]}),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code in (200, 201, 401, 413, 422), path


@pytest.mark.parametrize("name", [NAMES[each] for each in ("script", "emoji", "quote", "like", "format", "direction")])
def test_a_device_of_a_hostile_name_is_found_by_it(viewer: TestClient, site: MemorySite, name: str) -> None:
    name = name.replace("/", "")  # which is in no device's id, since it parts the levels of a topic
    site.add_device(DeviceView(name))
    site.add_label(name, name, group=name, region=name)
    found = viewer.get("/api/v1/labels", params={"device": name, "label": name, "group": name, "region": name}).json()
    assert [item["label"] for item in found["items"]] == [name]
    told = viewer.get(f"/api/v1/devices/{quote(name, safe='')}/story").json()
    assert told["device"] == name
    for party in told["parties"]:
        if party["picture"]:
            assert viewer.get(party["picture"]).status_code == 200
