"""Functions of an ONNX file, put in the place of the nodes that call them."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from common.errors import NetworkError
from common.quoting import shown

#: Nodes of a graph in which all functions are in place, at most. Forty functions
#: of which each calls the next one twice would be 2⁴⁰ nodes.
_MOST_NODES = 100_000
#: Functions that call each other, one within the other, at most.
_DEEPEST = 100

#: Domain and name of a function.
_Name = tuple[str, str]


def inlined(model: Any) -> Any:
    """The model without functions. Raises `NetworkError` where they call themselves, or are too many."""
    functions = {(function.domain, function.name): function.node for function in model.functions}
    if not functions:
        return model
    nodes = _count(model.graph.node, functions, {}, ())
    if nodes > _MOST_NODES:
        raise NetworkError(f"its functions stand for {nodes:.0e} nodes; at most {_MOST_NODES:,} are imported")
    return importlib.import_module("onnx.inliner").inline_local_functions(model)


def _count(
    nodes: Sequence[Any], functions: Mapping[_Name, Sequence[Any]], counts: dict[_Name, int], within: tuple[_Name, ...]
) -> int:
    """How many nodes stand for these, which are `within` functions; those that were counted are in `counts`."""
    total = 0
    for node in nodes:
        called = (node.domain, node.op_type)
        if called in within or len(within) > _DEEPEST:
            raise NetworkError(f"its function {shown(node.op_type)!r} calls itself, or others over {_DEEPEST} deep")
        if called in functions and called not in counts:
            counts[called] = _count(functions[called], functions, counts, (*within, called))
        total += counts.get(called, 1)
    return total
