"""`blindsight camera test`: photos of a meter, read, and compared with what they are known to show."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from blindsight.cameras.encrypted import EncryptedModel
from blindsight.cameras.expected import ExpectedReadings
from blindsight.cameras.photos import PhotoReading, PhotoRegions, PhotoTest, find_regions, list_photos, read_photos
from blindsight.command_line.app import App
from blindsight.command_line.engine import Engine, chosen
from blindsight.command_line.facts import facts_table
from blindsight.command_line.output import check_target, console, write_json
from blindsight.commands.camera.options import DEFAULT_MODEL, Model
from common.engine_names import EngineName
from models.catalogue import load_network, plan_path
from models.plans import get_plan

#: Bits of security of the plan that photos are encrypted for, as of shipped plans.
_SECURITY = 128
#: log2 of the frames in a ciphertext, at most: as many as a region file has regions.
_MOST_BITS = 6

app = App(name="test")


@app.command()
def test(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of them; each photo is read by itself.")],
    regions: Annotated[
        Path, typer.Option(help="Region file, or a folder with a file for each photo: PHOTO.toml for PHOTO.jpg.")
    ],
    model: Model = DEFAULT_MODEL,
    expect: Annotated[
        Path | None, typer.Option(help="CSV file of what the photos show: file,reading in its first line.")
    ] = None,
    encrypted: Annotated[
        bool, typer.Option("--encrypted", help="Encrypt, evaluate and decrypt every photo; seconds for each.")
    ] = False,
    engine: Engine = None,
    json_target: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the report as JSON.")
    ] = None,
) -> None:
    """Read photos of a meter, and compare with what they show.

    A photo alone is rejected where it may be read wrongly; a series of pictures corrects itself, see blindsight device.
    """
    check_target(json_target)
    network = load_network(model)
    expected = None if expect is None else ExpectedReadings(expect)
    found = find_regions(list_photos(photos), regions)
    ciphertexts = _encrypted(model, found, chosen(engine)) if encrypted else None
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("photos", total=len(found))
        result = read_photos(found, network, expected, ciphertexts, lambda: progress.advance(bar))
    if json_target is not None:
        write_json(result.facts(), json_target)
    if json_target != "-":
        _print(result)


def _encrypted(model: str, photos: list[PhotoRegions], engine: EngineName | None) -> EncryptedModel:
    most = max(len(photo.regions.regions) for photo in photos)
    with console.status("making the plan and the keys"):
        return EncryptedModel(get_plan(model, _SECURITY, _frames_per_ciphertext(model, most)), engine)


def _frames_per_ciphertext(model: str, least: int) -> int:
    """For how many frames the model has a plan, at least so many; else for how many one is to be compiled."""
    powers = [1 << bits for bits in range((least - 1).bit_length(), _MOST_BITS + 1)]
    ready = [frames for frames in powers if plan_path(model, _SECURITY, frames).exists()]
    return (ready or powers)[0]


def _print(result: PhotoTest) -> None:
    out = Console(highlight=False)
    table = Table("photo", "labels", "reading", "expected", "", title="photos, each read by itself")
    for photo in result.photos:
        cells = (photo.file, " ".join(photo.digits), photo.value or "rejected", photo.expected or "", _remark(photo))
        table.add_row(*map(escape, cells))
    out.print(table)
    shares = {
        "digits right": result.digits_right,
        "readings right": result.readings_right,
        "readings wrong": result.readings_wrong,
        "readings rejected": result.readings_rejected,
        "labels as in plain": result.agree_with_plain,
    }
    facts = {name: None if share is None else f"{share:.2%}" for name, share in shares.items()}
    if any(facts.values()):
        out.print(facts_table(f"of {len(result.photos):,} photos", facts))


def _remark(photo: PhotoReading) -> str:
    if photo.value is None:
        return photo.why
    return "" if photo.expected is None else ("right" if photo.is_right else "wrong")
