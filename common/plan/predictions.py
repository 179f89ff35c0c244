"""What a plan costs before it runs: bytes on the wire, memory of its weights, time of an evaluation."""

import os

from common.ckks.ciphertext import ciphertext_size
from common.ckks.folded import folded_size
from common.ckks.rounded import rounded_size
from common.engine_names import EngineName
from common.errors import PlanError
from common.plan.costs import Costs
from common.plan.folds import fold_groups
from common.plan.label_bits import label_bits
from common.plan.plan import Plan, PlanHead
from common.plan.stage import Stage
from common.plan.work import Rows, StageWork, rows_of


def upload_bytes(head: PlanHead, seeded: bool = False) -> int:
    """Bytes of the ciphertexts that a device sends for one burst, however many frames are in it.

    A device that holds its own secret key may send them with seeds.
    """
    return head.input_ciphertexts * ciphertext_size(head.parameters, head.parameters.levels, seeded)


def least_upload_bytes(head: PlanHead) -> int:
    """Bytes of the ciphertexts of one burst in the smallest form: with seeds, and folded where the plan folds."""
    if not head.folds:
        return upload_bytes(head, seeded=True)
    return head.input_ciphertexts * folded_size(head.parameters)


def download_bytes(head: PlanHead, rounded: bool = False) -> int:
    """Bytes of the encrypted scores of one burst, as they are or rounded."""
    if rounded:
        return head.output_ciphertexts * rounded_size(head.parameters, label_bits(head))
    return head.output_ciphertexts * ciphertext_size(head.parameters, 0)


def weight_bytes(plan: Plan) -> int:
    """Memory of a plan's encoded or encrypted weights, in bytes. The processes of a worker share them.

    Those of engine pyfhel hold them once each.
    """
    polynomials = 1 if plan.head.sealed_for is None else 2
    return sum(polynomials * _vectors(stage) * _polynomial_bytes(plan, stage) for stage in plan.stages)


def machine_memory() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_memory(plan: Plan, processes: int = 1) -> None:
    """Raise `PlanError` when its encoded weights exceed this machine's memory; each of `processes` has its own."""
    needed = processes * weight_bytes(plan)
    where = f" in {processes} processes" if processes > 1 else ""
    memory = machine_memory()
    if needed > memory:
        raise PlanError(
            f"the encoded weights of plan {plan.head.hash[:12]}, for {plan.head.frames_per_ciphertext} frames in a "
            f"ciphertext, take {needed / 1e9:.1f} GB{where}, and this machine has {memory / 1e9:.1f} GB; use fewer "
            "--frames-per-ciphertext"
        )


def plan_ms(plan: Plan, costs: Costs) -> float:
    """Predicted time of one evaluation, of all frames of a ciphertext, from bytes to bytes, in ms."""
    return costs.ms(plan_rows(plan, costs.engine), plan.head.parameters.ring_dimension)


def plan_rows(plan: Plan, engine: EngineName) -> Rows:
    """The rows of one evaluation, from bytes to bytes."""
    head = plan.head
    residues = head.input_ciphertexts * (head.parameters.levels + 1) + head.output_ciphertexts
    rows = Rows(wire=2 * residues)
    for stage in plan.stages:
        rows = rows.plus(rows_of(engine, stage_work(plan, stage), stage.level))
    return rows


def stage_ms(plan: Plan, stage: Stage, costs: Costs) -> float:
    """Predicted time of one stage and the squares behind it, in ms."""
    return costs.stage_ms(stage_work(plan, stage), plan.head.parameters.ring_dimension, stage.level)


def stage_work(plan: Plan, stage: Stage) -> StageWork:
    """What a stage makes an engine do."""
    of_sources = stage.rotations_of_sources
    return StageWork(
        targets=stage.targets,
        hoists=sum(1 for babies in of_sources if babies),
        babies=sum(of_sources),
        giants=sum(stage.rotations_of_targets),
        sums=stage.inner_sums,
        products=len(stage.terms),
        fold_groups=tuple(len(group) for group in fold_groups(plan.head, stage)),
        square=stage.square,
        early=stage.rescale_first,
        encrypted=plan.head.for_sealing,
        chained=stage.chained,
    )


def _vectors(stage: Stage) -> int:
    """Vectors that are encoded or encrypted: those of the terms, once for each value, and the biases."""
    return len({(value, row) for _, _, value, _, _, row in stage.terms.tolist()}) + stage.targets


def _polynomial_bytes(plan: Plan, stage: Stage) -> int:
    """A polynomial has a residue of 8 bytes for each coefficient and prime."""
    return plan.head.parameters.ring_dimension * (stage.level + 1) * 8
