"""Plans as the pages show them: what they take, what they cost, and how often their model is right."""

import math
from pathlib import Path

from common.engine_names import usual_engine
from common.errors import BlindsightError, PlanError
from common.keys.evaluation_keys import keys_size
from common.plan.costs import Costs, load_costs
from common.plan.plan import Plan, PlanHead
from common.plan.plan_file import load_head, load_plan
from common.plan.predictions import download_bytes, plan_ms, stage_ms, upload_bytes
from common.plan.stage import Stage
from models.catalogue import load_network, shipped_models
from models.samples import load_samples
from web.site import ModelView, StageView


def read_model(file: Path) -> ModelView:
    """The plan in a plan's file or a head's, which says less. Raises `BlindsightError` for a file that is neither."""
    head = load_head(file)
    try:
        return model_view(head, load_plan(file).stages)
    except PlanError:  # a head alone, or a sealed plan, whose stages only a worker reads
        return model_view(head, ())


def model_view(head: PlanHead, stages: tuple[Stage, ...]) -> ModelView:
    """A plan with its stages, or without where only its head is here."""
    parameters, costs, plan = head.parameters, load_costs(usual_engine()), Plan(head, stages)
    return ModelView(
        model=head.model,
        plan=head.hash,
        labels=head.labels,
        frame_shape=head.frame_shape,
        frames_per_ciphertext=head.frames_per_ciphertext,
        security_bits=parameters.security_bits,
        ring_dimension=parameters.ring_dimension,
        prime_bits=tuple(parameters.prime_bits),
        keys_bytes=keys_size(head),
        upload_bytes=upload_bytes(head),
        download_bytes=download_bytes(head),
        milliseconds=round(plan_ms(plan, costs), 1) if stages else None,
        error_bound=head.error_bound,
        accuracy=_accuracy(head),
        sealed=head.sealed_for is not None,
        stages=tuple(_stage(plan, number, stage, costs) for number, stage in enumerate(stages, start=1)),
    )


def _stage(plan: Plan, number: int, stage: Stage, costs: Costs) -> StageView:
    layers = ("linear", "square") if stage.square else ("linear",)
    return StageView(
        name=f"stage {number}",
        layers=layers,
        shape=stage.shape,
        level=stage.level,
        rotations=stage.rotations,
        products=len(stage.terms),
        milliseconds=round(stage_ms(plan, stage, costs), 1),
        error=stage.bits_left if math.isfinite(stage.bits_left) else None,
    )


def _accuracy(head: PlanHead) -> float | None:
    """The share of its sample frames that a shipped model labels rightly in plain; None for a model of somebody's own.

    A plan of somebody's own may have a shipped model's name: then its labels, or its frames, are others.
    """
    if head.model not in shipped_models():
        return None
    try:
        network, samples = load_network(head.model), load_samples(head.model)
    except BlindsightError:
        return None
    if (network.labels, network.frame_shape) != (head.labels, head.frame_shape):
        return None
    return float((network.scores(samples.frames).argmax(axis=1) == samples.labels).mean())
