"""`blindsight model seal`: a plan whose weights only the holder of one key set could read."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import Progress

from blindsight.output import console
from blindsight.plans import get_plan
from common.errors import PlanError
from common.keys import PublicKeySet, load_public
from common.plan import Plan, PlanHead
from common.plan_file import load_head, load_plan
from common.sealed import ciphertext_count, seal

HELP = "Compile for encrypted weights: a longer modulus, and larger scales."


def seal_model(
    name: Annotated[str, typer.Argument(help="A model, or a plan file that model compile --sealed wrote.")],
    key_set: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Key set to encrypt the weights for; its public part is enough.")
    ],
    security: Annotated[int, typer.Option(help="Security level in bits, for a model: 128, 192 or 256.")] = 128,
    out: Annotated[Path | None, typer.Option(help="File to write; default: NAME-SECURITY.sealed here.")] = None,
) -> None:
    """Encrypt every weight and bias under a key set's public key.

    Writes the sealed plan, for workers, and its head, for devices and the console. The plan with plain weights stays
    here: nobody else needs it.
    """
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


def seal_plan(plan: Plan, keys: PublicKeySet, path: Path, progress: Callable[[int], None]) -> PlanHead:
    """Write a sealed plan and its head, which is returned. Raises `KeySetError` for other plans' keys, `PlanError`."""
    keys.header.check_serves(plan.head)
    head = seal(plan, keys.context, keys.fingerprint, path, progress)
    Plan(head, ()).save_head(head_path(path))
    return head


def _load_with_front(path: Path) -> Plan:
    """A plan file, with the front of the head file beside it if devices run one. Raises `PlanError`."""
    plan = load_plan(path)
    if plan.head.front_sha256 is None:
        return plan
    head = load_head(path.with_suffix(".head"))
    if head.hash != plan.head.hash:
        raise PlanError(f"{path.with_suffix('.head')} is the head of another plan than {path}; compile the model again")
    return msgspec.structs.replace(plan, head=head)


def head_path(sealed: Path) -> Path:
    """Where the head of a sealed plan is written."""
    return sealed.with_name(f"{sealed.name}.head")
