"""What an imported network costs on ciphertexts: its plan, or why there is none and what helps."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from blindsight.command_line.output import console
from blindsight.commands.model.plan_table import keys_refusal, plan_facts, plan_lines
from common.errors import CapacityError, PlanError
from common.keys.evaluation_keys import uploaded_size
from common.plan.network import Network
from common.plan.plan import Plan
from compiler.onnx.importing import ImportResult
from compiler.rings import most_levels
from models.catalogue import plan_name
from models.plans import compile_on_frames
from models.saving import chosen_samples

#: Security level of the plan, in bits.
_SECURITY_BITS = 128


@dataclass(frozen=True)
class Compiled:
    """The plan of an imported network, or why it has none and what helps."""

    plan: Plan | None
    refusal: str | None = None

    def facts(self) -> dict[str, object]:
        """The same for JSON."""
        return {"plan": None if self.plan is None else plan_facts(self.plan), "refusal": self.refusal}

    def lines(self) -> dict[str, str | None]:
        """What the plan costs, for people."""
        if self.plan is None:
            return {}
        lines = plan_lines(self.plan)
        wanted = (
            "ring dimension",
            "modulus",
            "up",
            "down",
            "evaluation keys",
            "room for keys",
            "rotations",
            "predicted time",
            "workers refuse it",
        )
        return {name: lines[name] for name in wanted}

    def next_command(self, model: Path | str) -> str:
        """What comes next for the model in this folder."""
        if self.plan is None or keys_refusal(self.plan) is not None:
            return f"blindsight model compile {model} --encrypt-from last"
        return f"blindsight demo --model {model}"

    def save(self, folder: Path) -> None:
        """Write plan and head into a model's folder, where there are any."""
        if self.plan is not None:
            path = folder / plan_name(self.plan.head.model, _SECURITY_BITS, 1)
            self.plan.save(path)
            self.plan.save_head(path.with_suffix(".head"))


def compile_imported(result: ImportResult) -> Compiled:
    """Compile an imported network on the frames that become its samples, as `blindsight model compile` does."""
    frames = result.calibration.frames[chosen_samples(len(result.calibration.frames))]
    with tempfile.TemporaryDirectory() as folder:  # weights as the model's file will have them, for the same plan
        result.network.save(Path(folder) / "network.npz")
        network = Network.load(Path(folder) / "network.npz")
    with console.status("compiling the plan, which may take a minute"):
        try:
            return Compiled(compile_on_frames(network, frames, _SECURITY_BITS, tried=_tell_that_keys_are_many))
        except (CapacityError, PlanError) as error:
            return Compiled(None, f"{error}. {_help(result)}")


def _tell_that_keys_are_many(plan: Plan) -> None:
    keys = f"{uploaded_size(plan.head) / 1e6:,.0f} MB of evaluation keys"
    console.print(f"the fastest plan has {keys}, more than Redis holds: compiling one of few keys", soft_wrap=True)


def _help(result: ImportResult) -> str:
    report = result.report
    missing = report.squarings - most_levels(_SECURITY_BITS)
    depth = f"The network has {report.squarings} squarings in sequence"
    if missing > 0:
        depth += f", {missing} more than the largest ring has levels for"
    advice = []
    if report.squarings > report.squarings_by_degree["2"] - len(report.lines):
        advice.append("--degree 2 takes half as many squarings for an activation")
    if len(report.lines) < len(report.activations):
        advice.append(
            f"--linearise {len(report.lines) + max(missing, 1)} makes lines of the activations that cost least"
        )
    advice.append("fewer activations, or batch norm before each of them, in training")
    return f"{depth}. What helps: {'; '.join(advice)}"
