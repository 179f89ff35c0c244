"""The pictures of web.md: the site in a browser, of a site in memory, as Chromium draws it.

`python -m docs.screenshots` writes them anew. They aren't compared by a test: fonts and times differ from one machine
and moment to the next.
"""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.integration.web.serving import NAME, PASSWORD, Served, serve_site
from tests.web_site import MemorySite

FOLDER = Path(__file__).parent / "figures"


@dataclass(frozen=True)
class Shot:
    """A picture: its name, the page, and how wide and high the window is, in pixels."""

    name: str
    path: str
    dark: bool = False
    width: int = 1280
    height: int = 800


SHOTS = (
    Shot("now", "/"),
    Shot("phone", "/", dark=True, width=390, height=800),
    Shot("device", "/device?name=door-north&range=day"),
    Shot("readings", "/device?name=meter-water", dark=True),
    Shot("letters", "/device?name=garage&view=letters", height=480),
    Shot("fleet", "/fleet", dark=True),
    Shot("models", "/models"),
    Shot("privacy", "/privacy?device=door-south"),
    Shot("settings", "/settings", height=640),
)


def main() -> None:
    """Write all pictures, or those that are named."""
    wanted = [shot for shot in SHOTS if not sys.argv[1:] or shot.name in sys.argv[1:]]
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        # Dead letters are where they are sent from: at a device.
        served = {
            kind: serve_site(MemorySite(9, 40_000, kind=kind), Path(folder) / kind) for kind in ("console", "device")
        }
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for shot in wanted:
            take(browser, served["device" if shot.name == "letters" else "console"], shot)
        browser.close()
        for each in served.values():
            each.end()


def take(browser: Browser, served: Served, shot: Shot) -> None:
    """Write one picture."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height}, color_scheme="dark" if shot.dark else "light"
    )
    context.request.post(f"{served.base}/api/v1/session", data={"name": NAME, "password": PASSWORD})
    page = context.new_page()
    page.goto(served.base + shot.path)
    page.wait_for_selector("#link[data-state=live]")
    if shot.name in ("device", "readings"):
        page.wait_for_selector(".plot canvas")
    page.wait_for_timeout(500)  # the plot is drawn, and pictures are there
    page.screenshot(path=FOLDER / f"web-{shot.name}.png")
    context.close()


if __name__ == "__main__":
    main()
