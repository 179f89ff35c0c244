"""A person labels crops in a browser, by keyboard."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from blindsight.pages.labelling.crops import Labelling
from blindsight.pages.labelling.page import LabellingPage
from models.catalogue import load_network
from models.samples import load_samples
from tests.integration.blindsight.pages.conftest import Open, is_too_wide, lightness

pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

LABELS = [*"0123456789", "between", "unreadable"]
Crops = Callable[[int], LabellingPage]


@pytest.fixture
def crops(tmp_path: Path) -> Crops:
    def make(number: int) -> LabellingPage:
        for index, frame in enumerate(load_samples("digits").frames[:number]):
            Image.fromarray(frame[:, :, 0]).save(tmp_path / f"{index:03d}.png")
        return LabellingPage(Labelling(tmp_path), LABELS)

    return make


def test_ten_crops_are_labelled_by_keyboard(crops: Crops, show: Open, tmp_path: Path) -> None:
    with show(crops(10)) as page:
        expect(page.locator("#name")).to_contain_text("000.png")
        page.keyboard.type("01234567bu")
        expect(page.locator("#count")).to_have_text("10 of 10")
        expect(page.locator("#notice")).to_contain_text("All crops have a label")
        labels = [*"01234567", "between", "unreadable"]
        rows = [f"{index:03d}.png,{label}" for index, label in enumerate(labels)]
        assert (tmp_path / "labels.csv").read_text().splitlines() == ["file,label", *rows]
        page.click("#done")
        expect(page.locator("h1")).to_have_text("Done")


def test_an_answer_is_taken_back_and_another_one_given(crops: Crops, show: Open, tmp_path: Path) -> None:
    with show(crops(3)) as page:
        expect(page.locator("#name")).to_contain_text("000.png")
        page.keyboard.type("12")
        expect(page.locator("#name")).to_contain_text("002.png")
        page.keyboard.press("Backspace")
        expect(page.locator("#name")).to_contain_text("001.png")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#label")).to_have_text("1")
        page.keyboard.press("9")
        expect(page.locator("#name")).to_contain_text("001.png")
        assert (tmp_path / "labels.csv").read_text() == "file,label\n000.png,9\n"


def test_nothing_is_lost_when_the_browser_is_closed(crops: Crops, show: Open) -> None:
    with show(crops(4)) as page:
        expect(page.locator("#name")).to_contain_text("000.png")
        page.keyboard.type("71")
        expect(page.locator("#count")).to_have_text("2 of 4")
    with show(crops(4)) as page:
        expect(page.locator("#count")).to_have_text("2 of 4")
        expect(page.locator("#name")).to_contain_text("002.png")


def test_the_space_bar_accepts_what_the_model_says(crops: Crops, show: Open, tmp_path: Path) -> None:
    crops(3)
    network, truth = load_network("digits"), [str(label) for label in load_samples("digits").labels]
    with show(LabellingPage(Labelling(tmp_path), network.labels, network)) as page:
        for label in truth[:3]:
            expect(page.locator("#suggestion")).to_contain_text(f"The model says {label}")
            page.keyboard.press("Space")
        expect(page.locator("#count")).to_have_text("3 of 3")
    assert list(Labelling(tmp_path).counts().elements()) == truth[:3]


def test_crops_are_labelled_in_the_grid_and_looked_through_by_label(crops: Crops, show: Open, tmp_path: Path) -> None:
    with show(crops(60)) as page:
        expect(page.locator("#name")).to_contain_text("000.png")
        page.keyboard.press("Escape")
        expect(page.locator("#range")).to_have_text("1–48 of 60")
        page.keyboard.press("ArrowRight")
        page.keyboard.type("34")
        expect(page.locator("#count")).to_have_text("2 of 60")
        page.select_option("#only", label="labelled 4")
        expect(page.locator("#range")).to_have_text("1–1 of 1")
        expect(page.locator("#grid button")).to_have_attribute("aria-label", "002.png, labelled 4")
        page.select_option("#only", label="without a label")
        expect(page.locator("#range")).to_have_text("1–48 of 58")
        page.click("#later")
        expect(page.locator("#range")).to_have_text("49–58 of 58")
    assert (tmp_path / "labels.csv").read_text() == "file,label\n001.png,3\n002.png,4\n"


def test_it_fits_narrow_and_wide_screens_light_and_dark(crops: Crops, show: Open) -> None:
    with show(crops(2)) as page:
        expect(page.locator("#crop")).to_have_js_property("naturalWidth", 28)
        for width in (360, 1440):
            page.set_viewport_size({"width": width, "height": 740})
            assert not is_too_wide(page)
            last = page.locator("#keys button").last.bounding_box()
            assert last and last["y"] + last["height"] <= 740  # every answer is in sight
        page.emulate_media(color_scheme="light")
        assert lightness(page) > 0.9
        page.emulate_media(color_scheme="dark")
        assert lightness(page) < 0.1
        page.click("#view")
        expect(page.locator("#grid img").last).to_have_js_property("naturalWidth", 28)
        page.set_viewport_size({"width": 360, "height": 740})
        assert not is_too_wide(page)


def test_the_token_stays_with_the_tab_and_out_of_the_address(crops: Crops, browser: "Browser", show: Open) -> None:
    with show(crops(1)) as page:
        expect(page.locator("#name")).to_contain_text("000.png")
        assert "#" not in page.url
        page.reload()
        expect(page.locator("#name")).to_contain_text("000.png")
        stranger = browser.new_page()
        stranger.goto(page.url)
        expect(stranger.locator("#notice")).to_contain_text("open the whole address that the terminal shows")
        stranger.close()
