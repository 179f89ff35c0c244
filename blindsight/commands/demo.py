"""`blindsight demo`: a whole site on this machine, and the report of what it did."""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from blindsight.command_line.app import App
from blindsight.command_line.engine import chosen
from blindsight.command_line.interrupts import Interrupts
from blindsight.command_line.output import check_target, console, write_json
from blindsight.commands.model.plan_table import keys_refusal, show_costs
from blindsight.demo.meters import WHEELS, Meters
from blindsight.demo.pictures import Pictures, SamplePictures
from blindsight.demo.report import closing_table
from blindsight.demo.run import DemoOptions, DemoRun, run_demo
from blindsight.demo.showing.strip import draw_strip
from blindsight.demo.showing.table import moments_table
from blindsight.pages.installed import SITE as SITE_PACKAGES
from blindsight.pages.installed import check_installed
from common.engine_names import ENGINE_HELP, EngineName
from common.errors import BlindsightError, ConfigurationError, KeySetError
from common.keys.core_dumps import forbid_core_dumps
from common.plan.plan import Plan
from common.wire.messages import Custody
from common.writable import check_picture
from models.batching import HELP as FRAMES_HELP
from models.batching import parse_frames
from models.catalogue import default_frames, plan_path
from models.layer_choice import HELP as ENCRYPT_FROM_HELP
from models.layer_choice import WHOLE
from models.plans import get_plan
from models.samples import load_samples

#: The names of the help's panels.
SITE, FRAMES, MODEL, WEB = "Site", "Frames", "Model", "Site in a browser"

#: The model that a demo runs where no other is named.
METER = "meter"

#: Pictures a second of each camera whose site is served, unless a rate is given.
_LIVE_RATE = 0.5
#: Seconds between two looks at what runs.
_POLL_SECONDS = 0.2

app = App(name="demo")


@app.command()
def demo(
    camera: Annotated[
        Literal["meter", "samples"] | None,
        typer.Option(
            help="What the cameras see: a meter that counts, or the model's sample frames; by default what suits it.",
            rich_help_panel=FRAMES,
        ),
    ] = None,
    devices: Annotated[int, typer.Option(min=1, max=64, help="Cameras.", rich_help_panel=SITE)] = 2,
    frames: Annotated[int, typer.Option(min=1, help="Pictures per camera.", rich_help_panel=FRAMES)] = 20,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Bursts evaluated at once.", rich_help_panel=SITE)] = 1,
    security: Annotated[
        int, typer.Option(help="Security level in bits: 128, 192 or 256.", rich_help_panel=MODEL)
    ] = 128,
    model: Annotated[str, typer.Option(help="A shipped model, or the folder of one.", rich_help_panel=MODEL)] = METER,
    frames_per_ciphertext: Annotated[
        str | None, typer.Option(metavar="K|auto", help=FRAMES_HELP, rich_help_panel=MODEL)
    ] = None,
    encrypt_from: Annotated[
        str, typer.Option(metavar="LAYER|last", help=ENCRYPT_FROM_HELP, rich_help_panel=MODEL)
    ] = WHOLE,
    custody: Annotated[
        Custody,
        typer.Option(
            help="Who holds the secret key: each device its own, or the site's console.", rich_help_panel=SITE
        ),
    ] = "device",
    sealed: Annotated[
        bool,
        typer.Option(
            "--sealed",
            help="Encrypt the model's weights too, for the site; needs --custody site.",
            rich_help_panel=MODEL,
        ),
    ] = False,
    engine: Annotated[EngineName | None, typer.Option(help=ENGINE_HELP, rich_help_panel=SITE)] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.01, help="Pictures a second per camera; default: as many as go.", rich_help_panel=FRAMES),
    ] = None,
    strip: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a picture (.png or .jpg) with photos of a meter, their ciphertexts and their readings.",
            rich_help_panel=FRAMES,
        ),
    ] = None,
    web: Annotated[
        bool,
        typer.Option(
            "--web",
            help="Serve the site in a browser, and let the cameras go on until Ctrl-C, slowly without --rate.",
            rich_help_panel=WEB,
        ),
    ] = False,
    web_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Its port; without one a free one.", rich_help_panel=WEB)
    ] = 0,
    json_target: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the report as JSON.")
    ] = None,
) -> None:
    """Run cameras, broker, bridge and workers on this machine, on encrypted pictures; and a console for a site.

    Ends with exit code 0 only if every frame was labelled exactly once, and every picture of a meter read once.
    """
    camera = camera or ("meter" if model == METER else "samples")
    _check_options(camera, custody, sealed, strip)
    check_target(json_target)
    engine = chosen(engine)
    forbid_core_dumps()
    plan = _plan(model, security, frames_per_ciphertext, encrypt_from, sealed)
    pictures = _pictures(camera, model, plan, frames, custody)
    if web:
        check_installed("--web", SITE_PACKAGES)
        rate = rate or _LIVE_RATE
    options = DemoOptions(devices, workers, model, rate, custody, engine, web_port if web else None)
    with (
        Interrupts() as interrupts,
        tempfile.TemporaryDirectory(prefix="blindsight-demo-") as folder,
        run_demo(Path(folder), pictures, plan, options, interrupts) as run,
    ):
        _show(run, strip, json_target)
        if web:
            _keep_open(run, interrupts)


def _show(run: DemoRun, strip: Path | None, json_target: str | None) -> None:
    if run.moments and console.is_terminal and not console.no_color:
        console.print(moments_table(run.moments))
    console.print(closing_table(run.report))
    if strip is not None:
        draw_strip(run.moments).save(strip)
        console.print(f"written to {strip}")
    if json_target is not None:
        write_json(run.report, json_target)
    _check_report(run.report)


def _keep_open(run: DemoRun, interrupts: Interrupts) -> NoReturn:
    console.print("the cameras go on; Ctrl-C ends the demo")
    while True:
        interrupts.check()
        run.check()
        time.sleep(_POLL_SECONDS)


def _check_options(camera: str, custody: Custody, sealed: bool, strip: Path | None) -> None:
    if sealed and custody != "site":
        raise ConfigurationError(
            "--sealed encrypts the model for one key set, and here every device makes its own; add --custody site"
        )
    if strip is not None:
        if camera != "meter":
            raise ConfigurationError("--strip shows readings of a meter; leave it out, or add --camera meter")
        check_picture(strip, "strip")


def _pictures(camera: str, model: str, plan: Plan, frames: int, custody: Custody) -> Pictures:
    if camera == "samples":
        return SamplePictures(load_samples(model), frames)
    head, digits = plan.head, tuple("0123456789")
    if head.frames_per_ciphertext < WHEELS:
        raise ConfigurationError(
            f"a meter has {WHEELS} digits, which are one burst, and frames_per_ciphertext is "
            f"{head.frames_per_ciphertext}; pass --frames-per-ciphertext 8, or --camera samples"
        )
    if head.frame_shape[2] != 1 or head.labels[: len(digits)] != digits:
        raise ConfigurationError(f"the model {model} reads no digits; pass --camera samples")
    return Meters(frames, custody)


def _check_report(report: Mapping[str, Any]) -> None:
    if report["labelled"] != report["frames"] or report["duplicates"]:
        raise BlindsightError(
            f"{report['labelled']} of {report['frames']} frames were labelled, {report['duplicates']} of them again"
        )
    readings = report.get("readings")
    if readings is not None and readings["read"] != readings["pictures"]:
        raise BlindsightError(f"{readings['read']} of {readings['pictures']} pictures have a reading")


def _plan(model: str, security: int, frames_per_ciphertext: str | None, encrypt_from: str, sealed: bool) -> Plan:
    frames = default_frames(model) if frames_per_ciphertext is None else parse_frames(frames_per_ciphertext)
    with console.status("compiling the plan"):
        plan = get_plan(model, security, frames, show_costs, encrypt_from, sealed)
    refusal = keys_refusal(plan)
    if refusal is not None:
        file = plan_path(model, security, plan.head.frames_per_ciphertext)
        raise KeySetError(f"{refusal}. The demo of the whole network takes such a plan from {file} (--out)")
    if plan.head.frames_per_ciphertext > 1:
        show_costs(plan)
    return plan
