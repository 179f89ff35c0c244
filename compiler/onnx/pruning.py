"""Items of a draft that nothing needs: what stood behind the scores and was left out, or halves of a decision."""

from collections.abc import Sequence

from common.plan.layers import Joining, Recall
from compiler.onnx.draft.draft import Item


def pruned(items: Sequence[Item]) -> tuple[Item, ...]:
    """The items that the last one needs, in order, which read the same outputs as before."""
    kept: list[Item] = []
    places = {-1: -1}  # of items among those that are kept
    for index in sorted(_needed(items)):
        item = items[index]
        if isinstance(item, Recall) and places[item.layer] == len(kept) - 1:  # what it recalls stands before it now
            places[index] = places[item.layer]
            continue
        kept.append(type(item)(places[item.layer]) if isinstance(item, Joining) else item)
        places[index] = len(kept) - 1
    return tuple(kept)


def _needed(items: Sequence[Item]) -> set[int]:
    needed: set[int] = set()
    waiting = [len(items) - 1]
    while waiting:
        index = waiting.pop()
        if index < 0 or index in needed:
            continue
        needed.add(index)
        item = items[index]
        if isinstance(item, Joining):
            waiting.append(item.layer)
        if not isinstance(item, Recall):
            waiting.append(index - 1)
    return needed
