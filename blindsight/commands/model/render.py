"""`blindsight model render`: pictures of what a shipped model reads, for tests and for training."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from blindsight.command_line.app import App
from blindsight.command_line.output import console
from common.errors import ConfigurationError
from common.writable import check_new_folder

app = App(name="render")

#: Models whose pictures can be rendered.
_RENDERED = ("meter",)


@app.command()
def render(
    name: Annotated[str, typer.Argument(help="Model whose pictures are rendered: meter.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; it is made.")],
    count: Annotated[int, typer.Option(min=1, help="Pictures.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Same seed and fonts: same pictures.")] = 0,
    crops: Annotated[
        bool, typer.Option("--crops", help="Frames of single digits with labels.csv, instead of whole photos.")
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="Pixels of a photo; default: 640x480 and 1280x960 in turn."),
    ] = None,
    digits: Annotated[int, typer.Option(min=1, max=10, help="Digits of a meter.")] = 5,
    loose: Annotated[
        float, typer.Option(min=0, max=0.2, help="How inexact corners of regions are, in heights of a digit.")
    ] = 0.0,
    hardest: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="How blurred, dark, dirty and slanted photos are at most; at 1 some are illegible"
        ),
    ] = 1.0,
    fonts: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="Fonts, beside the four that ship; may be repeated.")
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="all|training|test", help="All fonts, or those for training or for tests only.")
    ] = "all",
) -> None:
    """Render photos of meters: drums with half-turned wheels, displays and print, in all kinds of light and dirt.

    Beside each photo lies its region file, and readings.csv says what they show: the forms of blindsight camera test.
    With --crops it is frames and labels.csv, the form of blindsight model train.
    """
    from models.rendering.files import write_crops, write_photos
    from models.rendering.fonts import SHIPPED, find_fonts, parse_split
    from models.rendering.photos import SIZES

    if name not in _RENDERED:
        raise ConfigurationError(f"there are no pictures of {name!r} to render; there are of {', '.join(_RENDERED)}")
    sizes = SIZES if size is None else (_parse_size(size),)
    check_new_folder(out, "out")
    for folder in fonts or []:
        if not folder.is_dir():
            raise ConfigurationError(f"fonts is {folder}, which is no folder; name one with .ttf or .otf files")
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("looking for fonts", total=count)
        book = find_fonts([SHIPPED, *(fonts or [])], parse_split(split))
        progress.update(bar, description="crops" if crops else "photos")

        def report(done: int) -> None:
            progress.update(bar, completed=done)

        if crops:
            write_crops(out, book, count=count, seed=seed, progress=report)
        else:
            write_photos(
                out,
                book,
                count=count,
                seed=seed,
                digits=digits,
                sizes=sizes,
                loose=loose,
                hardest=hardest,
                progress=report,
            )
    what = "crops with labels.csv" if crops else "photos with region files and readings.csv"
    typer.echo(f"{count:,} {what} in {out}, from {len(book.fonts):,} fonts")


def _parse_size(text: str) -> tuple[int, int]:
    """Width and height. Raises `ConfigurationError`."""
    parts = text.lower().split("x")
    if len(parts) == 2 and all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        width, height = map(int, parts)
        if min(width, height) >= 64 and max(width, height) <= 8192:
            return width, height
    raise ConfigurationError(f"size is {text!r}; give width and height from 64 to 8192 pixels, such as 640x480")
