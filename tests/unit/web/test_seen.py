"""Who may see some devices sees nothing of the others, wherever they look."""

from dataclasses import fields, is_dataclass, replace

import pytest
from starlette.testclient import TestClient

from tests.unit.web.conftest import SEEN
from tests.web_site import MemorySite
from web.access.viewer import Viewer
from web.seen import RestrictedSite, meets, seen
from web.site import LabelFilter, ReadingFilter

OTHER = "garden"
HIDDEN = [
    f"/api/v1/devices/{OTHER}",
    f"/api/v1/labels?device={OTHER}",
    f"/api/v1/labels/plot?device={OTHER}",
    f"/api/v1/readings?device={OTHER}",
    f"/api/v1/readings/plot?device={OTHER}&name=water",
    f"/api/v1/exports/labels?device={OTHER}",
    f"/api/v1/exports/readings?device={OTHER}",
    f"/api/v1/alarms?device={OTHER}",
    f"/api/v1/dead-letters?device={OTHER}",
    f"/api/v1/devices/{OTHER}/story",
    f"/api/v1/devices/{OTHER}/story/device.png",
]
LISTS = ["devices", "labels", "labels/plot", "readings", "exports/labels?format=jsonl", "exports/readings", "alarms"]


@pytest.mark.parametrize("path", HIDDEN)
def test_another_device_is_one_that_does_not_exist(guest: TestClient, viewer: TestClient, path: str) -> None:
    answer, nobody = guest.get(path), guest.get(path.replace(OTHER, "nobody"))
    assert answer.status_code == nobody.status_code == 404 and answer.content == nobody.content
    assert viewer.get(path).status_code in (200, 404)


def test_the_other_device_is_there_for_who_may_see_it(viewer: TestClient) -> None:
    assert viewer.get(f"/api/v1/devices/{OTHER}/story").status_code == 200


@pytest.mark.parametrize("path", [*LISTS, "dead-letters", "fleet", "models", "settings"])
def test_no_answer_names_another_device(guest: TestClient, site: MemorySite, path: str) -> None:
    others = [view.device for view in site.devices("", "all", None, 500).items if view.device not in SEEN]
    answer = guest.get(f"/api/v1/{path}")
    assert answer.status_code == 200
    assert [name for name in others if name in answer.text] == []


def test_what_is_counted_is_what_is_seen(guest: TestClient, site: MemorySite) -> None:
    site_of = {name: len(site.labels_of[name]) for name in SEEN}
    plot = guest.get("/api/v1/labels/plot").json()
    assert sum(sum(bucket["counts"].values()) for bucket in plot["buckets"]) == sum(site_of.values())
    assert guest.get("/api/v1/fleet").json()["devices"] == len(SEEN)


def test_a_version_tells_nothing_of_other_devices(site: MemorySite, guest: TestClient) -> None:
    """Else whoever listens would know when something happens before another camera."""
    view = seen(site, Viewer("guest", "viewer", frozenset(SEEN)))
    before, tag = view.version(), guest.get("/api/v1/site").json()["version"]
    site.add_label(OTHER, "cat")
    assert view.version() == before and guest.get("/api/v1/site").json()["version"] == tag
    site.add_label("hall", "cat")
    assert view.version() != before and guest.get("/api/v1/site").json()["version"] != tag


def test_a_list_is_followed_to_its_end_through_pages_of_others(site: MemorySite) -> None:
    view = RestrictedSite(site, frozenset(SEEN))
    for limit in (1, 7, 500):
        found, cursor = [], None
        while True:
            page = view.labels(LabelFilter(), cursor, limit)
            assert len(page.items) <= limit
            found += page.items
            if (cursor := page.next_cursor) is None:
                break
        assert found == [label for label in site.labels(LabelFilter(), None, 10**6).items if label.device in SEEN]


def test_devices_come_by_name_and_condition(site: MemorySite) -> None:
    view = RestrictedSite(site, frozenset((*SEEN, "meter-water", "not-there")))
    assert [each.device for each in view.devices("", "all", None, 2).items] == ["garage", "hall"]
    assert view.devices("", "all", None, 2).next_cursor == "hall"
    assert [each.device for each in view.devices("", "all", "hall", 2).items] == ["meter-water"]
    assert [each.device for each in view.devices("AL", "all", None, 9).items] == ["hall"]
    assert [each.device for each in view.devices("", "parked", None, 9).items] == ["garage"]


@pytest.mark.parametrize("condition", ["all", "online", "offline", "alarm", "parked", "limited"])
def test_a_condition_means_what_it_means_to_the_site(condition: str) -> None:
    site = MemorySite(30, labels=30)
    whole = site.devices("", condition, None, 500)  # type: ignore[arg-type]
    every = site.devices("", "all", None, 500).items
    assert [view.device for view in every if meets(view, condition)] == [view.device for view in whole.items]  # type: ignore[arg-type]
    assert len(whole.items) > 0


class Forgetful(MemorySite):
    """A site that heeds no filter."""

    def labels(self, wanted, cursor, limit):  # type: ignore[no-untyped-def]
        return super().labels(LabelFilter(order=wanted.order), cursor, limit)

    def all_labels(self, wanted):  # type: ignore[no-untyped-def]
        return super().all_labels(LabelFilter())

    def alarms(self, device, cursor, limit):  # type: ignore[no-untyped-def]
        return super().alarms("", cursor, limit)


def test_a_site_that_forgets_a_filter_does_not_tell() -> None:
    view = RestrictedSite(Forgetful(labels=90), frozenset({"hall"}))
    assert {label.device for label in view.labels(LabelFilter(), None, 500).items} == {"hall"}
    assert {label.device for label in view.all_labels(LabelFilter(device="hall"))} == {"hall"}
    assert view.alarms("", None, 500).items == ()


def test_who_sees_some_changes_nothing(site: MemorySite) -> None:
    view = RestrictedSite(site, frozenset(SEEN))
    jobs = [letter.job for letter in site.dead_letters("garage", None, 9).items]
    assert jobs and view.retry("garage", jobs) == view.drop("garage", jobs) == 0
    assert list(view.export_dead_letters("garage", jobs)) == []
    assert len(site.dead_letters("garage", None, 9).items) == len(jobs)


def test_readings_are_those_of_the_devices(site: MemorySite) -> None:
    meter = RestrictedSite(site, frozenset({"meter-water"}))
    wanted = ReadingFilter(device="", name="water")
    assert meter.readings(wanted, None, 9).items and list(meter.all_readings(wanted))
    assert meter.reading_plot(wanted, 5).points
    none = RestrictedSite(site, frozenset(SEEN))
    assert not none.readings(wanted, None, 9).items and not list(none.all_readings(wanted))
    assert not none.reading_plot(replace(wanted, device="meter-water"), 5).points


def test_no_type_of_a_site_has_room_for_scores_leads_or_keys() -> None:
    from web import site as contract

    kinds = [kind for kind in vars(contract).values() if isinstance(kind, type) and is_dataclass(kind)]
    names = {field.name for kind in kinds for field in fields(kind)}
    assert (
        len(kinds) > 15
        and names & {"score", "scores", "lead", "leads", "secret_key", "passphrase", "password"} == set()
    )
