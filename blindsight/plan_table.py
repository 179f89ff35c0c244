"""`blindsight model show`: what a plan costs, stage by stage."""

import math

from rich.table import Table

from common.costs import Costs, load_costs
from common.plan import Plan, Stage


def plan_ms(plan: Plan) -> float:
    """Predicted time of one evaluation, in ms."""
    costs = load_costs()
    return sum(stage_ms(plan, stage, costs) for stage in plan.stages)


def stage_ms(plan: Plan, stage: Stage, costs: Costs) -> float:
    """Predicted time of one stage and the squares behind it, in ms."""
    squares = stage.targets if stage.square else 0
    return costs.stage_ms(stage.rotations, len(stage.terms), squares, plan.head.parameters.ring_dimension, stage.level)


def plan_facts(plan: Plan) -> dict[str, object]:
    """All that `show` tells, for JSON."""
    head, parameters, costs = plan.head, plan.head.parameters, load_costs()
    return {
        "model": head.model,
        "plan": head.hash,
        "security_bits": parameters.security_bits,
        "ring_dimension": parameters.ring_dimension,
        "prime_bits": list(parameters.prime_bits),
        "modulus_bits": parameters.modulus_bits,
        "frames_per_ciphertext": head.frames_per_ciphertext,
        "input_ciphertexts": head.input_ciphertexts,
        "output_ciphertexts": head.output_ciphertexts,
        "evaluation_keys": len(head.rotations) + (head.relinearisation_level is not None),
        "rotations": plan.rotations,
        "predicted_ms": round(plan_ms(plan), 1),
        "score_error_bound": head.error_bound,
        "stages": [_stage_facts(plan, stage, costs) for stage in plan.stages],
    }


def plan_table(facts: dict[str, object]) -> Table:
    """The stages of `plan_facts` as a table."""
    columns = {
        "shape": "shape",
        "ciphertexts": "cts",
        "level": "level",
        "scale_bits": "scale bits",
        "rotations": "rotations",
        "products": "products",
        "squares": "squares",
        "predicted_ms": "predicted ms",
        "bits_left": "bits left",
    }
    table = Table("stage", *columns.values())
    stages = facts["stages"]
    assert isinstance(stages, list)
    for index, stage in enumerate(stages):
        table.add_row(str(index), *(str(stage[key]) for key in columns))
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
