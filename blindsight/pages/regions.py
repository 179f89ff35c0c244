"""Regions of a picture, put into place by a person in a browser."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blindsight.pages.installed import check_installed
from common.pictures.region_file import parse_regions
from common.plan.network import Network
from common.writable import check_file


def edit_regions(
    picture: NDArray[np.uint8], proposal: str, out: Path, *, port: int = 0, network: Network | None = None
) -> None:
    """Serve a page on loopback until the person has saved the region file `out`.

    `picture` is uint8 (h, w, 1|3), and `proposal` the text of a region file, where the person begins. With a `network`
    the page says what its plain form reads in each crop. Raises `ConfigurationError` where what serves pages isn't
    installed, the proposal is no region file, or `out` or the port can't be used; `SystemExit` at Ctrl-C.
    """
    check_installed("the page of regions")
    from blindsight.pages.regions_page import RegionsPage
    from blindsight.pages.showing import show_page

    check_file(out, "out")
    page = RegionsPage(picture, parse_regions(proposal, out), out, network)
    show_page(page, port, "The picture and its regions")
