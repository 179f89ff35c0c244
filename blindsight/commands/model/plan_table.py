"""`blindsight model show`: what a plan costs, stage by stage."""

import math

from rich.box import SIMPLE
from rich.table import Table

from blindsight.command_line.facts import in_bytes, modulus
from blindsight.command_line.output import console
from common.engine_names import usual_engine
from common.errors import KeySetError
from common.fleet.key_room import SHIPPED_MEMORY, room_for_keys
from common.keys.evaluation_keys import check_storable, is_storable, keys_size, uploaded_size
from common.plan.costs import Costs, load_costs
from common.plan.plan import Plan, PlanHead
from common.plan.predictions import (
    download_bytes,
    least_upload_bytes,
    plan_ms,
    stage_ms,
    upload_bytes,
    weight_bytes,
)
from common.plan.stage import Stage


def plan_facts(plan: Plan) -> dict[str, object]:
    """All that `show` tells, for JSON."""
    head, parameters, costs = plan.head, plan.head.parameters, _costs()
    frames, predicted_ms = head.frames_per_ciphertext, plan_ms(plan, costs)
    return {
        "model": head.model,
        "plan": head.hash,
        "front": head.front_sha256,
        "security_bits": parameters.security_bits,
        "ring_dimension": parameters.ring_dimension,
        "prime_bits": list(parameters.prime_bits),
        "modulus_bits": parameters.modulus_bits,
        "frames_per_ciphertext": frames,
        "sealed_for": head.sealed_for,
        "input_ciphertexts": head.input_ciphertexts,
        "output_ciphertexts": head.output_ciphertexts,
        "evaluation_keys": len(head.rotations) + (head.relinearisation_level is not None),
        "evaluation_key_bytes": keys_size(head),
        "seeded_evaluation_key_bytes": uploaded_size(head),
        "rotations": plan.rotations,
        "chained": plan.chained,
        "predicted_engine": costs.engine,
        "predicted_ms": round(predicted_ms, 1),
        "predicted_ms_per_frame": round(predicted_ms / frames, 1),
        "upload_bytes": upload_bytes(head),
        "seeded_upload_bytes": upload_bytes(head, seeded=True),
        "folded_upload_bytes": least_upload_bytes(head) if head.folds else None,
        "upload_bytes_per_frame": round(upload_bytes(head) / frames),
        "download_bytes": download_bytes(head),
        "rounded_download_bytes": download_bytes(head, rounded=True),
        "weight_bytes": weight_bytes(plan),
        "score_error_bound": head.error_bound,
        "stages": [_stage_facts(plan, stage, costs) for stage in plan.stages],
    }


def plan_lines(plan: Plan) -> dict[str, str | None]:
    """The same for people, but for the stages."""
    head, frames, costs = plan.head, plan.head.frames_per_ciphertext, _costs()
    ms = plan_ms(plan, costs)
    up, seeded_up = upload_bytes(head), upload_bytes(head, seeded=True)
    several = frames > 1
    keys = len(head.rotations) + (head.relinearisation_level is not None)
    return {
        "model": head.model,
        "plan": head.hash,
        "on ciphertexts": "the whole network" if head.front_sha256 is None else "what is behind the device's layers",
        "the device's layers": head.front_sha256 and f"SHA-256 {head.front_sha256}",
        "weights": f"sealed for the key set {head.sealed_for}" if head.sealed_for else _plain_weights(plan),
        "security": f"{head.parameters.security_bits} bits",
        "ring dimension": f"{head.parameters.ring_dimension:,}",
        "modulus": modulus(head.parameters.prime_bits),
        "frames together": f"{frames:,} in a ciphertext" if several else None,
        "ciphertexts": f"{head.input_ciphertexts:,} up, {head.output_ciphertexts:,} down",
        "up": in_bytes(up)
        + (f", {up / frames:,.0f} a frame" if several else "")
        + f"; with seeds {in_bytes(seeded_up)}"
        + (f", folded {in_bytes(least_upload_bytes(head))}" if head.folds else ""),
        "down": f"{in_bytes(download_bytes(head))}; rounded {in_bytes(download_bytes(head, rounded=True))}",
        "evaluation keys": f"{keys:,}; {in_bytes(keys_size(head))}; with seeds {in_bytes(uploaded_size(head))}",
        "room for keys": _room(head),
        "rotations": f"{plan.rotations:,}" + (", one from the other" if plan.chained else ""),
        "predicted time": f"{ms:,.1f} ms"
        + (f", {ms / frames:,.1f} ms a frame" if several else "")
        + f", with {costs.engine}",
        "largest score error": f"{head.error_bound:.2g}",
        "workers refuse it": keys_refusal(plan),
    }


def _room(head: PlanHead) -> str | None:
    """For how many devices' keys a Redis has room; None for a plan without keys, and for one that Redis can't hold."""
    size = uploaded_size(head)
    if not size or not is_storable(size):
        return None
    devices, memory = room_for_keys(SHIPPED_MEMORY) // size, SHIPPED_MEMORY >> 30
    return f"of {devices:,} devices in Redis, unless it is given more than {memory} GB"


def keys_refusal(plan: Plan) -> str | None:
    """Why workers don't serve a plan with so many keys, and what helps; None for one that they do serve."""
    try:
        check_storable(uploaded_size(plan.head), "this plan", plan.chained)
    except KeySetError as error:
        return str(error)
    return None


def _costs() -> Costs:
    """The times of the engine that evaluates here unless another one is asked for."""
    return load_costs(usual_engine())


def _plain_weights(plan: Plan) -> str:
    weights = "to be sealed" if plan.head.for_sealing else "in plain"
    return f"{weights}; {in_bytes(weight_bytes(plan))} in each worker"


def show_costs(plan: Plan) -> None:
    """Print what a burst of frames costs, to be read before it starts."""
    head = plan.head
    frames, up, ms = head.frames_per_ciphertext, upload_bytes(head), plan_ms(plan, _costs())
    console.print(
        f"frames in a ciphertext: {frames}; up {up / 1e6:,.1f} MB ({up / frames / 1e3:,.0f} KB a frame), "
        f"down {download_bytes(head) / 1e6:,.1f} MB, {plan.rotations} rotations, about {ms:,.0f} ms "
        f"({ms / frames:,.1f} ms a frame), weights in each worker {weight_bytes(plan) / 1e6:,.0f} MB",
        soft_wrap=True,
    )
    refusal = keys_refusal(plan)
    if refusal is not None:
        console.print(f"workers refuse it: {refusal}", markup=False, soft_wrap=True)


def plan_table(facts: dict[str, object]) -> Table:
    """The stages of `plan_facts` as a table; ms are predicted, the scale is in bits."""
    columns = {
        "shape": "shape",
        "ciphertexts": "cts",
        "level": "level",
        "scale_bits": "scale",
        "rotations": "rotations",
        "products": "products",
        "predicted_ms": "ms",
        "bits_left": "bits left",
    }
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    for header in ("stage", *columns.values()):
        table.add_column(header, justify="right", no_wrap=True)
    stages = facts["stages"]
    assert isinstance(stages, list)
    for number, stage in enumerate(stages, start=1):
        table.add_row(str(number), *(str(stage[key]) for key in columns))
    return table


def _stage_facts(plan: Plan, stage: Stage, costs: Costs) -> dict[str, object]:
    return {
        "shape": "×".join(map(str, stage.shape)),
        "ciphertexts": stage.targets,
        "level": stage.level,
        "scale_bits": round(math.log2(stage.product_scale), 1),
        "rotations": stage.rotations,
        "products": len(stage.terms),
        "squares": stage.targets if stage.square else 0,
        "predicted_ms": round(stage_ms(plan, stage, costs), 1),
        "bits_left": round(stage.bits_left, 1),
    }
