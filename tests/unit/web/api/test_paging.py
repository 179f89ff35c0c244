"""Cursors lead through a whole list, and are of the list that they were made for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.web_site import MemorySite
from web.api.paging import opened, sealed
from web.api.shapes import MOST_ITEMS
from web.errors import ProblemError


@pytest.mark.parametrize(
    "path", ["labels?device=hall", "labels?order=oldest&label=cat", "devices?", "readings?state=good", "alarms?"]
)
@pytest.mark.parametrize("limit", [1, 7, MOST_ITEMS])
def test_links_lead_through_the_whole_list_once(viewer: TestClient, path: str, limit: int) -> None:
    whole = viewer.get(f"/api/v1/{path}&limit={MOST_ITEMS}").json()
    assert whole["next_cursor"] is None
    found, address = [], f"/api/v1/{path}&limit={limit}"
    while address:
        answer = viewer.get(address)
        items = answer.json()["items"]
        assert len(items) <= limit
        found += items
        address = answer.links.get("next", {}).get("url", "")
        assert ("cursor" in address) is (answer.json()["next_cursor"] is not None)
        if limit == 1 and len(found) == 10:
            break
    places = [[(item["device"], item.get("job")) for item in items] for items in (found, whole["items"])]
    assert places[0] == places[1][: len(found)] and (limit == 1 or len(found) == len(whole["items"]))


def test_new_labels_do_not_shift_a_page(viewer: TestClient, site: MemorySite) -> None:
    path = "/api/v1/labels?device=hall&order=oldest&limit=5"
    first = viewer.get(path)
    site.add_label("hall", "cat")
    second = viewer.get(first.links["next"]["url"]).json()["items"]
    assert second[0]["counter"] == first.json()["items"][-1]["counter"] + 1


def test_a_cursor_is_of_one_list_filter_and_account(viewer: TestClient, keeper: TestClient) -> None:
    cursor = viewer.get("/api/v1/labels?device=hall&limit=1").json()["next_cursor"]
    assert viewer.get(f"/api/v1/labels?device=hall&limit=9&cursor={cursor}").status_code == 200
    for client, path in (
        (viewer, "/api/v1/labels?device=garage"),
        (viewer, "/api/v1/labels?device=hall&order=oldest"),
        (viewer, "/api/v1/readings?device=hall"),
        (keeper, "/api/v1/labels?device=hall"),
    ):
        answer = client.get(f"{path}&cursor={cursor}")
        assert answer.status_code == 400 and "cursor" in answer.json()["detail"]


@settings(max_examples=60)
@given(st.text(), st.binary(max_size=40), st.binary(min_size=1, max_size=8))
def test_a_seal_opens_for_what_it_was_made(cursor: str, of: bytes, key: bytes) -> None:
    cursor = cursor.encode(errors="replace").decode()
    text = sealed(key, of, cursor)
    assert opened(key, of, text) == cursor
    for another in ((key + b"x", of), (key, of + b"x")):
        with pytest.raises(ProblemError):
            opened(*another, text)


@settings(max_examples=100)
@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_nobody_makes_up_a_cursor(text: str) -> None:
    with pytest.raises(ProblemError) as raised:
        opened(b"key", b"list", text)
    assert raised.value.status == 400


@pytest.mark.parametrize("limit", ["0", "-1", "501", "1e2", "all", "", "9" * 100])
def test_a_page_has_a_bound(viewer: TestClient, limit: str) -> None:
    assert viewer.get(f"/api/v1/labels?limit={limit}").status_code == 422


times = st.none() | st.floats(0, 2e9)


@settings(max_examples=60)
@given(
    device=st.sampled_from(["", "hall", "garage"]),
    label=st.sampled_from(["", "cat", "dog", "none"]),
    start=times,
    end=times,
    order=st.sampled_from(["oldest", "newest"]),
)
def test_filters_give_what_they_say(
    device: str, label: str, start: float | None, end: float | None, order: str
) -> None:
    """Through all of the interface, against a filter that is written down here."""
    given_ = {"device": device, "label": label, "order": order, "start": start, "end": end, "limit": 500}
    query = {name: value for name, value in given_.items() if value is not None}
    items = CLIENT.get("/api/v1/labels", params=query).json()["items"]
    expected = [
        each.counter
        for name in sorted(SITE.labels_of)
        for each in SITE.labels_of[name]
        if device in ("", name)
        and label in ("", each.label)
        and (start is None or each.at >= start)
        and (end is None or each.at < end)
    ]
    assert sorted(item["counter"] for item in items) == sorted(expected)
    at = [item["at"] for item in items]
    assert at == sorted(at, reverse=order == "newest")


SITE = MemorySite(labels=180, now=1_000_000_000.0)


@pytest.fixture(autouse=True, scope="module")
def _client(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.unit.web.conftest import BASE, PASSWORD, QUICK
    from web.access.access import Access
    from web.application import build_app

    global CLIENT
    access = Access(tmp_path_factory.mktemp("filters"), QUICK)
    access.accounts.add("viewer", PASSWORD, "viewer")
    headers = {"Authorization": f"Bearer {access.tokens.make('viewer', 'script', ['read'])[1]}"}
    CLIENT = TestClient(build_app(SITE, access), BASE, headers=headers)
