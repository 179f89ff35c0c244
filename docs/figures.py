"""The figures of concepts.md, drawn as SVG from the plan of `digits` that ships.

`python -m docs.figures` writes them anew; a test compares. Text is set in the reader's own
sans-serif, so places are chosen with room to spare.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from common.plan.costs import Costs, shipped_costs
from common.plan.plan import Plan
from common.plan.plan_file import load_plan
from common.plan.predictions import stage_work
from common.plan.stage import Stage
from common.plan.work import Rows, rows_of
from docs.diagonals_figure import diagonals_figure
from docs.drawing import (
    BLUE,
    CARD,
    GREEN,
    GREY,
    INK,
    LINE,
    MUTED,
    ORANGE,
    PALE,
    WIDTH,
    Drawing,
    plural,
)
from docs.layout_figure import layout_figure
from models.catalogue import plan_path

FOLDER = Path(__file__).parent / "figures"


def figures(plan: Plan) -> dict[str, str]:
    """All figures by file name."""
    return {
        "layout.svg": layout_figure(plan),
        "diagonals.svg": diagonals_figure(plan),
        "chain.svg": chain_figure(plan),
        "cost.svg": cost_figure(plan),
    }


def chain_figure(plan: Plan) -> str:
    """Modulus and scale, in bits, from the fresh ciphertext to the scores."""
    drawing = Drawing(560, "The modulus chain of digits and the scale through the stages")
    parameters = plan.head.parameters
    bits, special = parameters.data_prime_bits, parameters.prime_bits[-1]
    drawing.heading(
        32, f"digits: N = {parameters.ring_dimension}, modulus of {parameters.modulus_bits} bits with the special prime"
    )
    drawing.rect(24, 50, 14, 14, PALE, stroke=LINE)
    drawing.text(46, 62, "primes of the ciphertext's modulus, by bits", fill=MUTED)
    drawing.rect(400, 50, 14, 14, BLUE)
    drawing.text(422, 62, "scale of the values, by bits", fill=MUTED)
    ground, unit = 440.0, 2.1
    columns = list(_scales(plan))
    step = (WIDTH - 160) / len(columns)
    for index, (level, scale, label) in enumerate(columns):
        x = 30 + index * step
        y = ground
        for prime in range(level + 1):
            high = bits[prime] * unit
            y -= high
            drawing.rect(x, y, step - 16, high, PALE, stroke=GREY)
            size = f" {bits[prime]}" if index == 0 else ""
            drawing.text(x + step - 22, y + high - 8, f"q{_subscript(prime)}{size}", 12, MUTED, "end")
        drawing.rect(x + 6, ground - scale * unit, 24, scale * unit, BLUE)
        drawing.text(x + 34, ground - scale * unit + 10, f"{scale:.0f}", 13, bold=True)
        drawing.text(x + (step - 16) / 2, ground + 18, label, 12, INK, "middle")
        if index == 0 or columns[index - 1][0] != level:
            drawing.text(x, ground - sum(bits[: level + 1]) * unit - 10, f"level {level}", 13, MUTED)
    _stage_brackets(drawing, columns, ground + 32, step)
    x = WIDTH - 96
    drawing.rect(x, ground - special * unit, 64, special * unit, CARD, stroke=GREY)
    drawing.text(x + 32, ground - special * unit + 17, "special", 12, MUTED, "middle")
    drawing.text(x + 32, ground - special * unit + 33, str(special), 12, MUTED, "middle")
    drawing.text(x + 32, ground + 18, "only within", 12, MUTED, "middle")
    drawing.text(x + 32, ground + 34, "key switches", 12, MUTED, "middle")
    drawing.line(24, ground, WIDTH - 24, ground, INK)
    first, room = plan.stages[0], bits[0] - round(math.log2(plan.head.output_scale))
    s, product, q = round(math.log2(plan.head.input_scale)), round(math.log2(first.product_scale)), bits[first.level]
    drawing.text(
        24,
        516,
        f"Merged rescaling, stage 1: ({s} + {product - s}) × 2 − {q} = {2 * product - q} bits. One prime serves the "
        "weights and the square.",
    )
    drawing.text(24, 538, f"At the end q₀ holds the scores: {bits[0] - room} bits of scale, {room} of value and sign.")
    return drawing.svg()


def _scales(plan: Plan) -> Iterator[tuple[int, float, str]]:
    """Level, bits of scale and what was just done, along the evaluation."""
    yield plan.stages[0].level, math.log2(plan.head.input_scale), "encrypt"
    for value, stage in enumerate(plan.stages, start=1):
        product = math.log2(stage.product_scale)
        yield stage.level, product, "× weights"
        if stage.square:
            yield stage.level, 2 * product, "square"
            reader = next(stage for stage in plan.stages if value in stage.weight_scales)
            yield stage.level - 1, math.log2(reader.product_scale / reader.weight_scales[value]), "rescale"


def _stage_brackets(drawing: Drawing, columns: list[tuple[int, float, str]], y: float, step: float) -> None:
    starts = [index for index, column in enumerate(columns) if column[2] == "× weights"]
    for number, (start, stop) in enumerate(zip(starts, [*starts[1:], len(columns)], strict=True), 1):
        left, right = 30 + start * step, 30 + stop * step - 16
        drawing.line(left, y, right, y)
        drawing.text((left + right) / 2, y + 17, f"stage {number}", 12, MUTED, "middle")


def cost_figure(plan: Plan) -> str:
    """Predicted milliseconds of each operation and each stage."""
    times = shipped_costs()
    dimension, levels = plan.head.parameters.ring_dimension, plan.head.parameters.levels
    costs = [_stage_costs(plan, stage, times) for stage in plan.stages]
    total = sum(ms for stage in costs for _, _, ms in stage)
    drawing = Drawing(430, "Where the time of an evaluation goes")
    drawing.heading(32, f"Where the time goes: digits, {total:.0f} ms predicted on one core (common/plan/costs.json)")
    colours = {"rotation": BLUE, "product": ORANGE, "square": GREEN}
    left, unit = 110.0, 740 / max(sum(ms for _, _, ms in stage) for stage in costs)
    for index, (name, colour) in enumerate(colours.items()):
        drawing.rect(left + index * 180, 50, 14, 14, colour)
        share = sum(ms for parts in costs for kind, _, ms in parts if kind == name) / total
        more = " (with relinearisation and rescaling)" if name == "square" else ""
        drawing.text(left + index * 180 + 22, 62, f"{name}s: {share:.0%}{more}", fill=MUTED)
    for index, (stage, parts) in enumerate(zip(plan.stages, costs, strict=True)):
        y = 84 + index * 58
        drawing.text(24, y + 14, f"stage {index + 1}", bold=True)
        drawing.text(24, y + 31, f"level {stage.level}", 12, MUTED)
        x = left
        for name, _, ms in parts:
            drawing.rect(x, y, max(ms * unit - 1, 2), 24, colours[name])
            x += ms * unit
        counts = ", ".join(f"{count} {plural(name, count)} {ms:.1f} ms" for name, count, ms in parts)
        drawing.text(left, y + 40, counts, 12, MUTED)
    drawing.line(24, 268, WIDTH - 24, 268, LINE)
    drawing.heading(298, "One rotation by itself, by level: each prime more makes it dearer")
    for level in range(levels, -1, -1):
        ms = times.rotation_ms(dimension, level)
        y = 316 + (levels - level) * 34
        primes = f"{level + 1} {plural('prime', level + 1)}"
        drawing.text(24, y + 16, f"level {level}", 13)
        drawing.text(84, y + 16, primes, 12, MUTED)
        drawing.rect(150, y, ms * 400, 22, BLUE)
        drawing.text(158 + ms * 400, y + 16, f"{ms:.2f} ms", 12, MUTED)
    return drawing.svg()


def _stage_costs(plan: Plan, stage: Stage, times: Costs) -> list[tuple[str, int, float]]:
    """Kind, count and milliseconds of a stage's operations, without those that don't occur."""
    work, dimension = stage_work(plan, stage), plan.head.parameters.ring_dimension
    products = times.ms(Rows(product=rows_of(times.engine, work, stage.level).product), dimension)
    both = times.stage_ms(work._replace(square=False), dimension, stage.level)
    parts = [
        ("rotation", work.rotations, both - products),
        ("product", work.products, products),
        ("square", work.targets * work.square, times.stage_ms(work, dimension, stage.level) - both),
    ]
    return [part for part in parts if part[1]]


def _subscript(digit: int) -> str:
    return "₀₁₂₃₄₅₆₇₈₉"[digit]


def write(folder: Path = FOLDER) -> None:
    """Write all figures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in figures(load_plan(plan_path("digits", 128))).items():
        (folder / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    write()
