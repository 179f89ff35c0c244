"""`blindsight camera preview`: a picture of a camera with its regions, and what the model sees of each."""

from pathlib import Path
from typing import Annotated

import typer

from blindsight.cameras.looking import look_at
from blindsight.cameras.picture import take_picture
from blindsight.cameras.preview import draw_preview
from blindsight.command_line.app import App
from blindsight.command_line.output import console
from blindsight.commands.camera.options import DEFAULT_MODEL, Camera, CameraCertificate, CameraPassword, Model
from common.pictures.region_file import load_regions
from common.readings.spec import readings_of
from common.writable import check_picture
from models.catalogue import load_network

app = App(name="preview")


@app.command()
def preview(
    camera: Camera,
    regions: Annotated[Path, typer.Option(help="Region file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File for the preview: .png or .jpg.")],
    model: Model = DEFAULT_MODEL,
    password_file: CameraPassword = None,
    ca: CameraCertificate = None,
) -> None:
    """Draw a picture of a camera with its regions, and what the model sees of each.

    The preview is a plain picture for your own eyes, with labels and leads; it is kept nowhere else.
    """
    check_picture(out, "out")
    content = load_regions(regions)
    specs = readings_of(content, regions)
    network = load_network(model)
    with console.status("taking a picture"):
        picture = take_picture(camera, password_file, ca)
    look = look_at(picture, content, network, specs)
    height, width = picture.shape[:2]
    title = f"{width} x {height} pixels, {len(look.seen)} regions, as the model {network.name} sees them"
    draw_preview(picture, look, title).save(out)
    for seen in look.seen:
        typer.echo(f"{seen.region.name:12} {seen.label:12} lead {seen.lead:.1f}")
    for sentence in look.readings:
        typer.echo(sentence)
    typer.echo(f"written to {out}")
