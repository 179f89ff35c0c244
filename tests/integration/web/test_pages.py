"""The pages in Chromium: they show the site, and go on showing it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.integration.web.serving import NAME, PASSWORD, Served, Visit, watch
from tests.web_site import MemorySite
from web.site import DeviceView

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


def test_the_first_visitor_makes_an_account_and_logs_in_again(browser: "Browser", serve: Callable[..., Served]) -> None:
    served = serve(MemorySite(2, 100), first=True)
    page = browser.new_page()
    watch(page, served)
    page.goto(served.server.address)
    expect(page.locator("h1")).to_have_text("Welcome to Blindsight")
    assert "#" not in page.url  # the token isn't where people copy it from
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD + "!")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_contain_text("aren't the same")
    page.fill("#again", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".device")).to_have_count(2)
    expect(page.locator("#link-text")).to_have_text("Live")  # the scripts are there
    page.click("[data-log-out]")
    expect(page.locator("h1")).to_have_text("Log in")
    page.goto(f"{served.base}/device?name=door-north")
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("door-north")  # where they wanted to go
    assert served.wrong == [] and served.foreign == []
    page.close()


def test_a_wrong_password_is_told_of_and_opens_nothing(browser: "Browser", serve: Callable[..., Served]) -> None:
    served = serve(MemorySite(1, 10))
    page = browser.new_page()
    page.goto(f"{served.base}/fleet")
    page.fill("#name", NAME)
    page.fill("#password", "wrong horse battery")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_be_visible()
    page.goto(f"{served.base}/fleet")
    expect(page.locator("h1")).to_have_text("Log in")
    page.close()


def test_a_new_label_arrives_without_a_reload(visit: Visit) -> None:
    site = MemorySite(3, 300)
    with visit(site) as (page, _):
        expect(page.locator("#link-text")).to_have_text("Live")
        page.evaluate("window.notReloaded = true")
        site.add_label("door-north", "brand-new")
        card = page.locator(".device", has_text="door-north")
        expect(card).to_contain_text("brand-new")
        expect(card.locator("time")).to_have_text("just now")
        assert page.evaluate("window.notReloaded") is True


def test_the_focus_stays_where_it_is_while_labels_arrive(visit: Visit) -> None:
    site = MemorySite(5, 300)
    with visit(site) as (page, _):
        page.locator(".device a").nth(3).focus()
        site.add_device(DeviceView("aaa-in-front"))
        site.add_label("garden", "brand-new")
        expect(page.locator(".device").first).to_contain_text("aaa-in-front")
        expect(page.locator(".device")).to_have_count(6)
        assert page.evaluate("document.activeElement.textContent") == "garden"


def test_a_lost_connection_is_shown_and_comes_back_with_what_was_missed(visit: Visit) -> None:
    site = MemorySite(2, 100)
    with visit(site, fails=True) as (page, served):
        expect(page.locator("#link-text")).to_have_text("Live")
        served.end()
        expect(page.locator("#link-text")).to_contain_text("Connection lost")
        site.add_label("door-north", "meanwhile")
        served.begin_again()
        expect(page.locator("#link-text")).to_have_text("Live")
        expect(page.locator(".device").first).to_contain_text("meanwhile")


def test_a_session_that_ended_leads_to_the_login(visit: Visit) -> None:
    with visit(MemorySite(1, 10)) as (page, served):
        expect(page.locator("#link-text")).to_have_text("Live")
        served.access.accounts.remove(NAME)
        served.access.accounts.add("other", PASSWORD, "keeper")
        expect(page.locator("h1")).to_have_text("Log in")


def test_five_hundred_devices_are_paged_searched_and_chosen_by_condition(visit: Visit) -> None:
    with visit(MemorySite(500, 5_000)) as (page, _):
        expect(page.locator(".device")).to_have_count(60)
        expect(page.locator("#tiles")).to_contain_text("of 500")
        page.click("text=Next page")
        expect(page.locator(".device").first).to_contain_text("cam-0069")
        page.click("text=First page")
        page.fill("#q", "cam-04")
        expect(page.locator(".device")).to_have_count(60)
        page.fill("#q", "cam-0499")
        expect(page.locator(".device")).to_have_count(1)
        page.fill("#q", "nobody")
        expect(page.locator("#devices")).to_contain_text("No device is like that")
        page.fill("#q", "")
        expect(page.locator(".device")).to_have_count(60)
        page.click("#conditions >> text=Offline")
        expect(page.locator(".state.good")).to_have_count(0)
        expect(page.locator(".state.bad").first).to_be_visible()


def test_the_history_is_filtered_and_zoomed_by_dragging(visit: Visit) -> None:
    site = MemorySite(1, 800)
    with visit(site, "/device?name=door-north") as (page, _):
        expect(page.locator(".plot canvas")).to_be_visible()
        expect(page.locator(".plot-legend")).to_contain_text("airplane")
        page.fill("#label", "cat")
        page.click("text=Filter")
        expect(page.locator("#rows tbody tr").first).to_contain_text("cat")
        assert set(page.locator("#rows .label-text").all_inner_texts()) == {"cat"}
        expect(page.locator(".plot-legend .label")).to_have_count(1)
        rows = page.locator("#rows tbody tr").count()
        expect(page.locator(".plot .u-over")).to_be_visible()
        over = page.locator(".plot .u-over").bounding_box()
        assert over
        page.mouse.move(over["x"] + over["width"] * 0.9, over["y"] + 50)
        page.mouse.down()
        page.mouse.move(over["x"] + over["width"] * 0.97, over["y"] + 60, steps=4)
        page.mouse.up()
        expect(page.locator(".pill-on")).to_be_visible()
        assert "from=" in page.url and "label=cat" in page.url
        page.wait_for_function("document.querySelectorAll('#rows tbody tr').length < " + str(rows))
        page.go_back()
        expect(page.locator(".pill-on")).to_have_count(0)


def test_a_time_is_filtered_in_the_browsers_zone(visit: Visit) -> None:
    site = MemorySite(1, 0)
    site.add_label("door-north", "before", at=1_790_000_000.0)  # 14:13:20 in UTC
    site.add_label("door-north", "within", at=1_790_000_060.0)
    with visit(site, "/device?name=door-north", timezone_id="Asia/Kolkata") as (page, _):
        page.fill("#from", "2026-09-21T19:43:30")
        page.fill("#to", "2026-09-21T19:50:00")
        page.click("text=Filter")
        expect(page.locator("#rows tbody tr")).to_have_count(1)
        expect(page.locator("#rows tbody time")).to_have_text("Sep 21, 19:44:20")
        assert page.input_value("#from") == "2026-09-21T19:43:30"
        assert "GMT+5:30" in (page.locator("#rows tbody time").get_attribute("title") or "")


def test_further_rows_are_on_further_pages(visit: Visit) -> None:
    with visit(MemorySite(1, 120), "/device?name=door-north&range=year") as (page, _):
        expect(page.locator("#rows tbody tr")).to_have_count(50)
        page.click("text=Next page")
        page.click("text=Next page")
        expect(page.locator("#rows tbody tr")).to_have_count(20)
        expect(page.locator("text=Next page")).to_have_count(0)


def test_a_young_device_is_shown_by_the_hour(visit: Visit) -> None:
    site = MemorySite(1, 0)
    site.add_label("door-north", "first")
    with visit(site, "/device?name=door-north") as (page, served):
        expect(page.locator("#ranges [aria-current]")).to_have_text("Hour")
        site.add_label("door-north", "older", at=1_790_000_000.0)
        page.goto(f"{served.base}/device?name=door-north")
        expect(page.locator("#ranges [aria-current]")).to_have_text("Day")


def test_readings_have_their_corrections_and_reasons(visit: Visit) -> None:
    site = MemorySite(7, 700)
    with visit(site, "/device?name=meter-water") as (page, _):
        expect(page.locator("h2").first).to_have_text("water over time")
        expect(page.locator(".plot canvas")).to_be_visible()
        page.select_option("#state", "corrected")
        page.click("text=Filter")
        expect(page.locator("#rows tbody tr").first).to_contain_text("the wheel of hundredths read 8, not 3")
        assert set(page.locator("#rows .tag").all_inner_texts()) == {"corrected"}


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_labels_are_exported_as_they_are_filtered(visit: Visit, ending: str) -> None:
    with visit(MemorySite(1, 200), "/device?name=door-north&range=year&label=bird") as (page, _):
        rows = page.locator("#rows tbody tr").count()
        with page.expect_download() as download:
            page.click(f".exports a[href*={ending}]")
        text = download.value.path().read_text()
        assert text.count("bird") == rows and "airplane" not in text
