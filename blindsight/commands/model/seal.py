"""`blindsight model seal`: a plan whose weights only the holder of one key set could read."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import Progress

from blindsight.command_line.app import App
from blindsight.command_line.output import console
from common.errors import PlanError
from common.keys.key_set import load_public
from common.plan.plan import Plan
from common.plan.plan_file import load_head, load_plan
from common.plan.sealed import ciphertext_count
from common.writable import check_file, check_folder
from models.plans import get_plan
from models.sealing import head_path, seal_plan

app = App(name="seal")


@app.command(name="seal")
def seal_model(
    name: Annotated[str, typer.Argument(help="A model, or a plan file that model compile --sealed wrote.")],
    key_set: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Key set to encrypt the weights for; its public part is enough.")
    ],
    security: Annotated[int, typer.Option(help="Security level in bits, for a model: 128, 192 or 256.")] = 128,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; default: NAME-SECURITY.sealed here.")
    ] = None,
) -> None:
    """Encrypt every weight and bias under a key set's public key.

    Writes the sealed plan, for workers, and its head, for devices and the console. The plan with plain weights stays
    here: nobody else needs it.
    """
    if out is None:
        check_folder(Path(), "out")
    else:
        check_file(out, "out")
        check_file(head_path(out), "out's head")
    keys = load_public(key_set)
    if Path(name).is_file():
        plan = _load_with_front(Path(name))
    else:
        with console.status("compiling the plan"):
            plan = get_plan(name, security, sealed=True)
    path = out or Path(f"{plan.head.model}-{plan.head.parameters.security_bits}.sealed")
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("encrypted weights", total=ciphertext_count(plan))
        head = seal_plan(plan, keys, path, lambda done: progress.advance(bar, done))
    typer.echo(
        f"plan {head.hash[:12]}, sealed for key set {keys.fingerprint[:12]}, written to {path} "
        f"({path.stat().st_size / 1e6:,.0f} MB, for workers) and {head_path(path)} (for devices and the console)"
    )


def _load_with_front(path: Path) -> Plan:
    """A plan file, with the front of the head file beside it if devices run one. Raises `PlanError`."""
    plan = load_plan(path)
    if plan.head.front_sha256 is None:
        return plan
    head = load_head(path.with_suffix(".head"))
    if head.hash != plan.head.hash:
        raise PlanError(f"{path.with_suffix('.head')} is the head of another plan than {path}; compile the model again")
    return msgspec.structs.replace(plan, head=head)
