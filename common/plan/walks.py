"""Which rotation is made from which: each from the ciphertext itself, or one from the other.

Babies and giants are mostly arithmetic progressions. A *chained* stage walks them: the rotation by a baby is made from
that by the next smaller one, and what is to be rotated by a giant is rotated to the next smaller one and added there.
One key for each distance then serves all steps, in as many rotations.
"""

from collections.abc import Iterable, Mapping


def walk(steps: Iterable[int], chained: bool) -> dict[int, int]:
    """For each of `steps` (slots) but 0, ascending, the step that lies before it: 0, or the next smaller if chained."""
    used = sorted({*steps} - {0})
    return dict(zip(used, [0, *used] if chained else [0] * len(used), strict=False))


def passed(path: Mapping[int, int], steps: Iterable[int]) -> list[int]:
    """The steps of a walk, ascending, that must be taken for these: themselves, and all that lie before them."""
    taken: set[int] = set()
    for last in steps:
        step = last
        while step and step not in taken:
            taken.add(step)
            step = path[step]
    return sorted(taken)
