"""`blindsight model show`: what a plan is, and what it costs."""

from pathlib import Path
from typing import Annotated

import typer

from blindsight.command_line.app import App
from blindsight.command_line.facts import print_facts
from blindsight.command_line.output import console, print_json
from blindsight.commands.model.options import EncryptFrom, FramesPerCiphertext, Sealed, Security
from blindsight.commands.model.plan_table import plan_facts, plan_lines, plan_table, show_costs
from common.plan.sealed import load_served, structure_of
from models.batching import parse_frames
from models.layer_choice import WHOLE
from models.plans import get_plan

app = App(name="show")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A model, or a plan file.")],
    security: Security = 128,
    frames_per_ciphertext: FramesPerCiphertext = "1",
    encrypt_from: EncryptFrom = WHOLE,
    sealed: Sealed = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a plan: its parameters, and what each stage costs."""
    if Path(name).is_file():
        plan = structure_of(load_served(Path(name)))
    else:
        plan = get_plan(name, security, parse_frames(frames_per_ciphertext), show_costs, encrypt_from, sealed)
    facts = plan_facts(plan)
    if as_json:
        print_json(facts)
        return
    print_facts(plan_lines(plan))
    console.print(plan_table(facts))
