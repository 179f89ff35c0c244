"""A person puts regions into place in a browser: by mouse, touch and keyboard."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from blindsight.pages.region_draft import DraftRegion
from blindsight.pages.regions_page import RegionsPage
from common.pictures.region_file import load_regions, parse_regions
from common.readings.spec import load_layout
from models.catalogue import load_network
from tests.integration.blindsight.pages.conftest import Open, is_too_wide, lightness
from tests.unit.blindsight.pages.digits_picture import PROPOSAL, digits_picture

pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.slow

#: The corners of the proposal's first region.
FIRST = ((40, 80), (96, 80), (96, 136), (40, 136))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "meter.toml"


@pytest.fixture
def regions(out: Path) -> RegionsPage:
    return RegionsPage(digits_picture(), parse_regions(PROPOSAL, out), out, load_network("digits"))


def corner(page: "Page", of: str, which: str) -> "Locator":
    return page.locator(f'#stage [aria-label^="{of}, {which} corner"]')


def drag(page: "Page", handle: "Locator", x: float, y: float, until: Callable[[], None] = lambda: None) -> None:
    """Drag by pixels of the picture; `until` is called before the button is let go."""
    scale = page.evaluate("document.getElementById('stage').getScreenCTM().a")
    box = handle.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + x * scale, middle[1] + y * scale, steps=3)
    until()
    page.mouse.up()


def choose(page: "Page", name: str) -> None:
    page.locator(f'#stage polygon[aria-label="Region {name}"]').click()


def ready(page: "Page") -> None:
    expect(page.locator(".regions .frame[src]")).to_have_count(3)


def save(page: "Page") -> None:
    page.click("#save")
    expect(page.locator("h1")).to_have_text("Saved")


def test_a_corner_is_dragged_under_the_magnifier_and_saved(regions: RegionsPage, show: Open, out: Path) -> None:
    with show(regions) as page:
        ready(page)
        expect(page.locator("#glass")).to_be_hidden()
        choose(page, "d1")
        before = page.locator(".regions .frame").first.get_attribute("src")
        drag(
            page, corner(page, "Region d1", "top left"), -7, 12, lambda: expect(page.locator("#glass")).to_be_visible()
        )
        expect(page.locator("#glass")).to_be_hidden()
        expect(page.locator(".regions .frame").first).not_to_have_attribute("src", before or "")
        save(page)
    saved = load_regions(out)
    assert saved.regions[0].corners == (pytest.approx((33, 92), abs=1), *FIRST[1:])
    assert saved.regions[1:] == parse_regions(PROPOSAL, out).regions[1:]


def test_all_of_it_goes_by_keyboard(regions: RegionsPage, show: Open, out: Path) -> None:
    with show(regions) as page:
        ready(page)
        page.locator("#save").focus()
        press = page.keyboard.press
        press("Tab")
        expect(page.locator('[aria-label="Row of water"]')).to_be_focused()
        press("ArrowDown")
        for _ in range(5):
            press("Tab")
        expect(page.locator('[aria-label="Region d1"]')).to_be_focused()
        press("Tab")
        expect(corner(page, "Region d1", "top left")).to_be_focused()
        press("ArrowLeft")
        press("Shift+ArrowUp")
        press("Shift+Tab")
        press("Shift+ArrowRight")
        page.locator("#save").focus()
        press("Enter")
        expect(page.locator("h1")).to_have_text("Saved")
    saved = load_regions(out).regions
    assert saved[0].corners == ((49, 71), (106, 81), (106, 137), (50, 137))
    assert saved[1].corners == ((120, 81), (176, 81), (176, 137), (120, 137))


def test_a_row_moves_as_one_and_is_divided_into_more_digits(regions: RegionsPage, show: Open, out: Path) -> None:
    with show(regions) as page:
        ready(page)
        drag(page, corner(page, "Row of water", "bottom right"), 24, 20)
        page.get_by_label("Digits").fill("5")
        page.get_by_label("Gaps, %").fill("50")
        page.get_by_label("Decimals").fill("1")
        page.get_by_label("Decimals").press("Enter")
        expect(page.locator(".regions li")).to_have_count(5)
        page.get_by_label("Name of d4").fill("tens")
        page.get_by_label("Name of d4").press("Enter")
        page.get_by_label("Normalisation of d5").select_option("light")
        page.get_by_label("Unit").fill("kWh")
        page.get_by_label("Unit").press("Tab")
        save(page)
    saved = load_regions(out)
    assert saved.names == ("d1", "d2", "d3", "tens", "d5") and saved.regions[4].normalise == "light"
    assert saved.regions[0].corners[0] == (40, 80)
    assert saved.regions[4].corners[2] == pytest.approx((280, 156), abs=1)
    top = [x for region in saved.regions for x, _ in region.corners[:2]]
    widths, gaps = np.diff(top)[::2], np.diff(top)[1::2]  # perspective shrinks both along the row
    assert gaps / widths[:-1] == pytest.approx(0.5, abs=0.06)
    (spec,) = load_layout(out).readings
    assert (spec.regions, spec.decimals, spec.unit) == (saved.names, 1, "kWh")


def test_the_file_is_saved_behind_the_crops_that_were_asked_for(
    regions: RegionsPage, show: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program ends with the answer: crops that were asked for then met nobody, and the page wanted to say so."""
    with show(regions) as page:
        ready(page)
        cropped = regions._cropped

        def slowly(drafted: Sequence[DraftRegion]) -> list[dict[str, Any]]:
            time.sleep(0.3)
            return cropped(drafted)

        monkeypatch.setattr(regions, "_cropped", slowly)
        drag(page, corner(page, "Row of water", "bottom right"), 24, 20)
        page.get_by_label("Digits").fill("5")
        save(page)
        page.wait_for_timeout(500)


def test_regions_and_readings_come_and_go(regions: RegionsPage, show: Open, out: Path) -> None:
    with show(regions) as page:
        ready(page)
        page.get_by_label("Remove d2").click()
        page.click("#add-region")
        expect(page.locator("text=Regions of no reading")).to_be_visible()
        page.click("#add-reading")
        expect(page.locator(".value")).to_have_count(2)
        page.click("#add-reading")
        expect(page.locator(".regions li")).to_have_count(8)
        page.click("#undo")
        expect(page.locator(".regions li")).to_have_count(3)
        save(page)
    assert load_regions(out).names == ("d1", "d3", "d2")
    assert [spec.regions for spec in load_layout(out).readings] == [("d1", "d3"), ("d2",)]


def test_corners_that_cross_are_not_saved(regions: RegionsPage, show: Open, out: Path) -> None:
    with show(regions) as page:
        ready(page)
        choose(page, "d2")
        drag(page, corner(page, "Region d2", "top left"), 70, 5)
        expect(page.locator(".label.wrong")).to_have_text("Its sides cross")
        page.click("#save")
        expect(page.locator("#notice")).to_contain_text("The sides of d2 cross")
        assert not out.exists()
        page.click("#undo")
        save(page)
    assert load_regions(out).regions == parse_regions(PROPOSAL, out).regions


def test_a_file_that_is_there_is_replaced_when_the_person_says_so(regions: RegionsPage, show: Open, out: Path) -> None:
    out.write_text("mine")
    with show(regions) as page:
        ready(page)
        page.click("#save")
        page.click("text=Keep it")
        assert out.read_text() == "mine"
        page.click("#save")
        page.click("#replace button.primary")
        expect(page.locator("h1")).to_have_text("Saved")
    assert load_regions(out).names == ("d1", "d2", "d3")


def test_a_finger_drags_a_corner_on_a_phone(regions: RegionsPage, show: Open, out: Path) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with show(regions, **phone) as page:
        ready(page)
        scale = page.evaluate("document.getElementById('stage').getScreenCTM().a")
        box = corner(page, "Row of water", "top left").bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        finger = page.context.new_cdp_session(page)
        for kind, points in (
            ("touchStart", [{"x": x, "y": y}]),
            ("touchMove", [{"x": x - 5 * scale, "y": y - 9 * scale}]),
            ("touchMove", [{"x": x - 10 * scale, "y": y - 20 * scale}]),
            ("touchEnd", []),
        ):
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        save(page)
    assert load_regions(out).regions[0].corners[0] == pytest.approx((30, 60), abs=1)


def test_a_closer_look_makes_the_drag_finer(regions: RegionsPage, show: Open, out: Path) -> None:
    with show(regions) as page:
        ready(page)
        before = page.evaluate("document.getElementById('stage').getScreenCTM().a")
        page.click("#closer")
        page.click("#in")
        assert page.evaluate("document.getElementById('stage').getScreenCTM().a") > 1.5 * before
        choose(page, "d2")
        drag(page, corner(page, "Region d2", "bottom left"), 0.5, -0.5)
        save(page)
    assert load_regions(out).regions[1].corners[3] == pytest.approx((120.5, 135.5), abs=0.3)


def test_it_fits_narrow_and_wide_screens_light_and_dark(regions: RegionsPage, show: Open) -> None:
    with show(regions) as page:
        ready(page)
        expect(page.locator(".value")).to_contain_text("m³")
        for width in (360, 1440):
            page.set_viewport_size({"width": width, "height": 740})
            assert not is_too_wide(page)
            stage = page.locator("#stage").bounding_box()
            assert stage and stage["y"] + stage["height"] <= 740
        page.emulate_media(color_scheme="light")
        assert lightness(page) > 0.9
        page.emulate_media(color_scheme="dark")
        assert lightness(page) < 0.1
