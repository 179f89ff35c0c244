"""The plans that ship, compiled anew: `python -m models.shipped`, after a change of the compiler or of a network.

`scenes` and `scenes-wide` were calibrated on images that don't ship: without their file both are left as they are.
"""

import argparse
from pathlib import Path

from common.errors import PlanError
from common.plan.plan_file import load_plan
from models.catalogue import model_folder, shipped_models
from models.plans import compile_plan

#: The models whose calibration frames don't ship.
_FROM_OUTSIDE = frozenset({"scenes", "scenes-wide"})
#: Models whose plans have few keys: the fastest plan of `scenes-wide` has 100, which take 343 MB with seeds for each
#: camera, and this one has 9, of 38 MB.
_SMALL = frozenset({"scenes-wide"})


def compile_shipped(scenes_frames: Path | None) -> None:
    """Compile each shipped plan anew, in its place, and print what became of its hash."""
    for name in shipped_models():
        frames = scenes_frames if name in _FROM_OUTSIDE else None
        if name in _FROM_OUTSIDE and frames is None:
            continue
        for path in sorted(model_folder(name).glob("*.plan")):
            _compile(name, path, frames)


def _compile(name: str, path: Path, frames: Path | None) -> None:
    bits, *together = path.stem.removeprefix(f"{name}-").split("-k")  # the file's name says what it is for
    plan = compile_plan(name, int(bits), frames, int(together[0]) if together else 1, small=name in _SMALL)
    try:
        before = load_plan(path).head.hash
    except PlanError:  # of before a change of the security floor
        before = ""
    plan.save(path)
    print(path, plan.head.hash[:12], "as before" if plan.head.hash == before else "is new")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="compile the plans that ship anew")
    parser.add_argument("--scenes", type=Path, metavar="NPZ", help="training images of scenes and scenes-wide")
    compile_shipped(parser.parse_args().scenes)
