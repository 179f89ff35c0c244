"""Dead letters in Chromium: chosen, retried, dropped after a question, exported."""

import zipfile

import pytest
from playwright.sync_api import expect

from tests.integration.web.serving import Visit
from tests.web_site import MemorySite

pytestmark = pytest.mark.slow

LETTERS = "/device?name=garage&view=letters"


@pytest.fixture
def site() -> MemorySite:
    return MemorySite(3, 30, kind="device")


def test_a_dead_letter_is_retried(visit: Visit, site: MemorySite) -> None:
    job = site.letters_of["garage"][0].job
    with visit(site, LETTERS) as (page, _):
        assert page.locator("text=Retry").first.is_disabled()
        page.locator("input[name=job]").first.check()
        expect(page.locator("#chosen")).to_have_text("1 burst chosen")
        page.click("button[value=retry]")
        expect(page.locator("#told")).to_have_text("1 burst will be sent again.")
        expect(page.locator("input[name=job]")).to_have_count(2)
        assert site.retried == [job]


def test_dead_letters_are_dropped_only_after_a_question(visit: Visit, site: MemorySite) -> None:
    with visit(site, LETTERS) as (page, _):
        page.check("#every")
        page.click("button[value=drop]")
        expect(page.locator("#ask")).to_contain_text("3 bursts of garage.")
        page.keyboard.press("Escape")
        assert site.dropped == []
        page.click("button[value=drop] >> nth=0")
        page.click("text=Keep them")
        assert site.dropped == []
        page.click("button[value=drop] >> nth=0")
        page.click("#ask button[value=drop]")
        expect(page.locator("#letters")).to_contain_text("None: every burst")
        assert len(site.dropped) == 3


def test_chosen_dead_letters_are_exported(visit: Visit, site: MemorySite) -> None:
    with visit(site, LETTERS) as (page, _):
        page.locator("input[name=job]").nth(1).check()
        with page.expect_download() as download:
            page.click("button[value=export]")
        assert download.value.suggested_filename == "dead-letters.zip"
        with zipfile.ZipFile(download.value.path()) as archive:
            assert archive.namelist() == [f"{site.letters_of['garage'][1].job}.json"]


def test_a_choice_outlives_what_arrives_meanwhile(visit: Visit, site: MemorySite) -> None:
    with visit(site, LETTERS) as (page, _):
        page.locator("input[name=job]").nth(2).check()
        site.add_dead_letter("garage", 7)
        expect(page.locator("input[name=job]")).to_have_count(4)
        assert page.locator("input[name=job]").nth(2).is_checked()
        expect(page.locator("#chosen")).to_have_text("1 burst chosen")


def test_a_viewer_sees_dead_letters_and_has_no_buttons(visit: Visit, site: MemorySite) -> None:
    with visit(site, LETTERS, role="viewer") as (page, _):
        expect(page.locator("#letters tbody tr")).to_have_count(3)
        expect(page.locator("#letters button")).to_have_count(0)


def test_what_goes_wrong_is_told(visit: Visit, site: MemorySite) -> None:
    with visit(site, LETTERS, fails=True) as (page, served):
        page.locator("input[name=job]").first.check()
        served.end()
        page.click("button[value=retry]")
        expect(page.locator("#told")).to_contain_text("There was no answer")
        assert site.retried == []
