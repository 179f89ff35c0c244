"""The decision: what stands behind the last layer and can't change which label wins is left out, not fitted.

A function that strictly increases, and is the same for all scores, leaves the largest score the largest; one that
decreases turns their signs; that holds too where each score was computed by itself, and all were joined last. Softmax
and norms keep the order of a frame's scores. A single score becomes two labels, on either side of its threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.errors import ConfigurationError, NetworkError
from common.plan.layers import Dense
from compiler.onnx.draft.draft import Draft
from compiler.onnx.draft.pointwise import Pointwise, constant
from compiler.onnx.draft.tensor import Ranked, Tensor
from compiler.onnx.operators.arithmetic import scaled
from compiler.onnx.operators.linear.joining import placed

#: Doublings of the interval in which a threshold is searched for, at most, and halvings of it: a double has no more.
_DOUBLINGS, _HALVINGS = 1000, 200
#: Threshold of an output between 0 and 1, as Sigmoid gives it, and of any other one.
_HALF, UNKNOWN_THRESHOLD = 0.5, 0.0


@dataclass(frozen=True)
class Decision:
    """The scores whose largest one is the label, and the operators that were left out behind them, in order.

    `threshold` is where a single score becomes the second label, in units of the output.
    """

    scores: Tensor
    left_out: tuple[str, ...]
    threshold: float | None = None


def decide(draft: Draft, output: Tensor, threshold: float | None) -> Decision:
    """What decides of a network's output (labels or one score for each frame); at least two scores.

    Raises `NetworkError` where Softmax or a norm isn't last, and `ConfigurationError` for a threshold that no value
    reaches, or that several scores don't need.
    """
    if output.size == 1:
        return _of_one_score(draft, output, threshold)
    if threshold is not None:
        raise ConfigurationError(f"threshold is {threshold:g}, but the network gives {output.size} scores; leave it")
    sign, left_out = 1, list[str]()
    while True:
        core, peeled = _peeled(output.function)
        sign *= _sign(peeled)
        left_out += _operators(output.function, core)
        ranked = output.ranked
        parts = draft.rows.get(output.base, ()) if ranked is None and core.is_identity and output.in_order else ()
        if (one := _difference(parts)) is not None:
            decision = _of_one_score(draft, scaled(one, sign), UNKNOWN_THRESHOLD)
            return Decision(decision.scores, (*decision.left_out, *left_out[::-1]))
        cores, peeled = _peeled_alike([part.function for part in parts])
        if peeled:
            sign *= _sign(peeled)
            left_out += _operators(parts[0].function, cores[0])
            below = [replace(part, function=each) for part, each in zip(parts, cores, strict=True)]
            output = placed(draft, [part.reshaped((part.size,)) for part in below], axis=0)
            core = output.function
        if ranked is None:
            factor = constant(np.full(output.shape[0], float(sign)))
            core = core if sign > 0 else core.times(factor)
            return Decision(replace(output, function=core), tuple(left_out[::-1]))
        sign *= _sign_of_factor(core, ranked)
        left_out.append(ranked.operator)
        output = replace(output, function=ranked.function, ranked=ranked.ranked)


def _of_one_score(draft: Draft, output: Tensor, threshold: float | None) -> Decision:
    if output.ranked is not None:
        raise NetworkError(f"{output.ranked.node} is over one score, which becomes a constant; end the network before")
    low, high = output.function.bounds
    chosen = where = threshold if threshold is not None else _HALF if low >= 0 and high <= 1 else UNKNOWN_THRESHOLD
    core, peeled = _peeled(output.function)
    for function in peeled:
        where = _solved(function, where)
    factors = np.array([[-1.0], [1.0]]) * _sign(peeled)
    one = draft.flatten(replace(output, function=core))
    left_out = tuple(_operators(output.function, core)[::-1])
    return Decision(draft.apply(Dense(factors, -where * factors[:, 0]), one), left_out, chosen)


def _difference(parts: Sequence[Tensor]) -> Tensor | None:
    """How far the second of two scores is above the first, where both are functions of one value, as p and 1 - p."""
    if len(parts) != 2 or parts[0].size != 1 or not parts[0].same_values_as(parts[1]):
        return None
    first, second = parts
    return replace(second, function=second.function.plus(scaled(first, -1.0).function))


def _peeled(function: Pointwise) -> tuple[Pointwise, list[Pointwise]]:
    """What is below the increasing and decreasing functions, and these, the outermost first."""
    peeled = []
    while function.direction:
        peeled.append(function)
        function = _operand(function)
    return function, peeled


def _peeled_alike(functions: Sequence[Pointwise]) -> tuple[Sequence[Pointwise], list[Pointwise]]:
    """What is below the increasing and decreasing functions that all have in common, and these of the first one."""
    peeled = []
    while functions and functions[0].direction and all(_is_like(functions[0], other) for other in functions[1:]):
        peeled.append(functions[0])
        functions = [_operand(function) for function in functions]
    return functions, peeled


def _is_like(first: Pointwise, second: Pointwise) -> bool:
    """Whether both are one increasing or decreasing function, whatever it is applied to."""
    known, same = ([each.bounds if each.is_constant else None for each in one.operands] for one in (first, second))
    return first.operation is second.operation and first.direction == second.direction and known == same


def _operand(function: Pointwise) -> Pointwise:
    (operand,) = [each for each in function.operands if not each.is_constant]
    return operand


def _operators(function: Pointwise, core: Pointwise) -> list[str]:
    """The operators that were left out, the last one first."""
    return [step.operator for step in function.steps if step not in core.steps][::-1]


def _sign(peeled: list[Pointwise]) -> int:
    return int(np.prod([function.direction for function in peeled]))


def _sign_of_factor(function: Pointwise, ranked: Ranked) -> int:
    """The sign of the factor by which shares are scaled. Raises `NetworkError` where more is done to them."""
    coefficients = function.coefficients
    if (
        coefficients is None
        or len(coefficients) != 2
        or np.any(coefficients != coefficients[:, :1])
        or function.is_constant
    ):
        raise NetworkError(f"{ranked.node} has something behind it that may change which score is the largest")
    return int(np.sign(coefficients[1, 0]))


def _solved(function: Pointwise, wanted: float) -> float:
    """Where a function that increases or decreases, of one channel, gives `wanted`, by bisection."""
    low, high = _bracket(function, wanted)
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        value = _value(function, middle)
        if value == wanted:
            return middle
        if (value < wanted) == (function.direction > 0):
            low = middle
        else:
            high = middle
    return low


def _bracket(function: Pointwise, wanted: float) -> tuple[float, float]:
    least, most = _operand(function).bounds
    width = 1.0
    for _ in range(_DOUBLINGS):
        low, high = max(least, -width), min(most, width)
        if low < high:
            first, last = sorted((_value(function, low), _value(function, high)))
            if first < wanted < last:
                return low, high
        width *= 2
    lowest, highest = function.bounds
    raise ConfigurationError(
        f"threshold is {wanted:g}, which {function.steps[-1].operator} doesn't reach; its values lie between "
        f"{lowest:g} and {highest:g}"
    )


def _value(function: Pointwise, argument: float) -> float:
    """What the outermost operation gives for this value of its one operand that isn't constant."""
    assert function.operation is not None
    arguments = [np.array([each.bounds[0] if each.is_constant else argument]) for each in function.operands]
    with np.errstate(all="ignore"):
        return float(function.operation(*arguments)[0])
