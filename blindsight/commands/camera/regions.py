"""`blindsight camera regions`: regions for a row of digits, proposed, and put into place by hand."""

from pathlib import Path
from typing import Annotated

import typer

from blindsight.cameras.picture import take_picture
from blindsight.cameras.proposals import propose
from blindsight.command_line.app import App
from blindsight.command_line.output import console
from blindsight.commands.camera.options import DEFAULT_MODEL, Camera, CameraCertificate, CameraPassword, Model
from blindsight.pages.installed import check_installed
from blindsight.pages.regions import edit_regions
from common.errors import ConfigurationError
from common.pictures.picture import Picture
from common.pictures.region_file import format_regions, load_regions
from common.plan.network import Network
from common.writable import check_file
from models.catalogue import load_network

app = App(name="regions")


@app.command()
def regions(
    camera: Camera,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Region file; one that is there already is where you begin.")
    ],
    digits: Annotated[
        int | None, typer.Option(min=1, max=12, help="Digits of the meter; default: as many as are found.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    password_file: CameraPassword = None,
    ca: CameraCertificate = None,
    page: Annotated[
        bool, typer.Option("--page/--no-page", help="Serve a page to correct the regions, on this machine only.")
    ] = True,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0: any that is free.")] = 0,
) -> None:
    """Propose regions for a row of digits, and correct them by hand.

    A page in the browser shows a picture of the camera. Drag the corners onto the digits, and save.
    """
    check_file(out, "out")
    if page:
        check_installed("the page of regions")
    if out.exists() and not page:
        raise ConfigurationError(f"out is {out}, which is there already; leave out --no-page to change it")
    network = load_network(model)
    with console.status("taking a picture"):
        picture = take_picture(camera, password_file, ca)
    text = format_regions(load_regions(out)) if out.exists() else _proposed(picture, digits, network)
    if page:
        edit_regions(picture, text, out, port=port, network=network)
    else:
        out.write_text(text, encoding="utf-8")
    typer.echo(f"written to {out}; next: blindsight camera preview --camera … --regions {out} -o preview.png")


def _proposed(picture: Picture, digits: int | None, network: Network) -> str:
    proposal = propose(picture, digits, network)
    if not proposal.found:
        console.print("no row of digits was found; the regions are a beginning, in the middle of the picture")
    else:
        console.print(f"found {proposal.found} digits in a row")
    return format_regions(proposal.regions)
