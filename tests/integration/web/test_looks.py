"""Every page in Chromium: narrow and wide, light and dark, by keyboard, for screen readers, with hostile names."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.integration.blindsight.pages.conftest import is_too_wide, lightness
from tests.integration.web.serving import Visit
from tests.web_site import MemorySite
from web.site import DeviceView

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow

PAGES = (
    "/",
    "/device?name=garage&view=history",
    "/device?name=meter-water&view=readings",
    "/device?name=garage&view=letters",
    "/device?name=garage&view=about",
    "/fleet",
    "/models",
    "/privacy",
    "/settings",
    "/account",
)
#: Faults that nobody may meet; what axe calls moderate or minor is advice.
SERIOUS = ("serious", "critical")
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "\"'><script>alert(1)</script>",
    "x" * 200,
    "\u202eevil\u202c\u2067rtl\u2069 שלום",
    "🦊🏴‍☠️ {{ 7 * 7 }} {% raw %}",
    "a/../b?c=d&e#f%00",
)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_narrow_and_wide_screens_light_and_dark_and_has_no_serious_fault(visit: Visit, path: str) -> None:
    axe = pytest.importorskip("axe_core_python", reason="axe-core isn't installed")
    script = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    with visit(MemorySite(9, 200, kind="device"), path) as (page, _):
        expect(page.locator("#link-text")).to_have_text("Live")
        if "history" in path or "readings" in path:
            expect(page.locator(".plot canvas")).to_be_visible()
        for width in (1440, 360):
            page.set_viewport_size({"width": width, "height": 800})
            assert not is_too_wide(page), width
        page.evaluate(script)  # the page's own policy lets no script in but the site's; this comes by the debugger
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(200)  # colours change within 0.12 s
            assert (lightness(page) > 0.9) is (scheme == "light")
            assert faults(page, "{}" if scheme == "light" else "{runOnly: ['color-contrast']}") == []


def faults(page: "Page", options: str) -> list[str]:
    """What axe-core finds that is serious: the rule, and where."""
    found = page.evaluate(f"axe.run({options})")
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def test_all_of_it_is_reached_by_keyboard_alone(visit: Visit) -> None:
    with visit(MemorySite(3, 200, kind="device")) as (page, _):
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        tab_to(page, "#q")
        page.keyboard.type("garage")
        expect(page.locator(".device")).to_have_count(1)
        tab_to(page, ".device a")
        assert page.evaluate("getComputedStyle(document.querySelector('.device')).boxShadow") != "none"
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("garage")
        tab_to(page, "#tabs a >> nth=2")
        page.keyboard.press("Enter")
        expect(page.locator("#letters-title")).to_be_visible()
        tab_to(page, "input[name=job] >> nth=0")
        page.keyboard.press("Space")
        tab_to(page, "button[value=retry]", backwards=True)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        expect(page.locator("#told")).to_contain_text("will be sent again")


def tab_to(page: "Page", selector: str, *, backwards: bool = False) -> None:
    """Press Tab until an element has the focus."""
    wanted = page.locator(selector).first
    for _ in range(60):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
    raise AssertionError(f"{selector} isn't reached by keyboard")


def test_hostile_names_are_text_everywhere(visit: Visit) -> None:
    site = MemorySite(1, 20, kind="device")
    site.name = HOSTILE[0]
    names = [text.replace("/", "|") for text in HOSTILE]  # a device's name has no slash
    for name, text in zip(names, HOSTILE, strict=True):
        site.add_device(DeviceView(name, online=True, model=text, plan=text, custody="device", limited=True))
        site.add_label(name, text, group=text, region=text)
        site.add_dead_letter(name, 0)
        site.add_alarm(name)
    with visit(site) as (page, served):
        page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
        page.set_viewport_size({"width": 360, "height": 800})
        expect(page.locator(".device")).to_have_count(1 + len(names))
        assert sorted(page.locator(".device h3").all_inner_texts()) == sorted(["door-north", *names])
        assert not is_too_wide(page)
        for name, text in zip(names, HOSTILE, strict=True):
            page.goto(served.base)
            page.locator(".device h3 a").nth(sorted(["door-north", *names]).index(name)).click()
            expect(page.locator("h1")).to_have_text(name)
            expect(page.locator(".plot-legend .label-text")).to_have_text(text)
            expect(page.locator("#rows tbody tr")).to_contain_text(text)
            assert not is_too_wide(page)
        for path in (
            "/device?view=letters&name=" + "x" * 200,
            "/device?view=about&name=" + "x" * 200,
            "/fleet",
            "/privacy",
        ):
            page.goto(served.base + path)
            assert not is_too_wide(page), path
        assert page.locator("img[src=x], script:not([src])").count() == 0


def test_without_scripts_the_tables_are_there(visit: Visit) -> None:
    with visit(MemorySite(3, 200), java_script_enabled=False) as (page, served):
        expect(page.locator(".device")).to_have_count(3)
        expect(page.locator(".device time").first).to_contain_text("UTC")
        page.goto(f"{served.base}/device?name=garage&range=year")
        expect(page.locator("#rows tbody tr")).to_have_count(50)


def test_an_operator_sees_the_fleet_and_no_label(visit: Visit) -> None:
    with visit(MemorySite(4, 200, kind="fleet")) as (page, served):
        expect(page.locator(".device")).to_have_count(4)
        expect(page.locator(".label")).to_have_count(0)
        expect(page.locator("nav a", has_text="Privacy")).to_have_count(0)
        page.goto(f"{served.base}/device?name=garage")
        expect(page.locator("#tabs a")).to_have_count(1)
        expect(page.locator("#about")).to_contain_text("Key set")


def test_an_empty_site_says_what_to_do_next(visit: Visit) -> None:
    site = MemorySite(1, 0)
    site.remove_device("door-north")
    with visit(site) as (page, _):
        expect(page.locator("#devices")).to_contain_text("Start one with blindsight device")


def test_what_fails_says_what_happened_and_what_to_do(visit: Visit) -> None:
    with visit(MemorySite(1, 10), "/device?name=nobody", fails=True) as (page, _):
        expect(page.locator("main")).to_contain_text("There is no device of this name")
        page.click("text=Back to Now")
        expect(page.locator(".device")).to_have_count(1)


def test_privacy_shows_the_frame_and_the_noise_in_between(visit: Visit) -> None:
    site = MemorySite(2, 50)
    with visit(site, "/privacy") as (page, _):
        expect(page.locator(".holding")).to_have_count(6)
        for image in page.locator(".seen img").all():
            expect(image).not_to_have_js_property("naturalWidth", 0)
        expect(page.locator(".holding-ciphertext")).to_have_count(4)
        expect(page.locator(".holding-ciphertext .hash").first).to_have_attribute(
            "title", page.locator(".holding-ciphertext .hash").last.get_attribute("title") or ""
        )
        site.add_label("door-north", "brand-new")
        expect(page.locator(".seen-label")).to_have_text("brand-new")


def test_a_token_for_a_program_is_shown_once_and_revoked(visit: Visit) -> None:
    with visit(MemorySite(1, 10), "/account") as (page, served):
        page.fill("#token-name", "<b>home</b>")
        page.click("text=Make a token")
        expect(page.locator("#made-text")).not_to_be_empty()
        expect(page.locator("#tokens tbody th")).to_have_text("<b>home</b>")
        page.click("#tokens button")
        expect(page.locator("#tokens")).to_contain_text("You have none yet")
        assert served.access.tokens.of("anna") == ()
