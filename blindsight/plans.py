"""Plans of named models: the one that ships, or one compiled now."""

from pathlib import Path

from common.compiler import compile_network
from common.plan import Plan, load_plan
from models.catalogue import load_labelled, load_network, load_samples, plan_path, shipped_models

_DEFAULT_SECURITY = 128
#: Frames that a plan is calibrated on, at most: more change little and take memory.
_CALIBRATION_FRAMES = 500


def get_plan(name: str, security_bits: int) -> Plan:
    """The shipped plan of a model at a security level, or a fresh one. Raises `BlindsightError`."""
    shipped = plan_path(name, security_bits)
    return load_plan(shipped) if shipped.exists() else compile_plan(name, security_bits)


def plan_file(path: Path) -> Path:
    """A plan's file; the name of a shipped model stands for its plan at 128 bits."""
    name = str(path)
    return path if path.exists() or name not in shipped_models() else plan_path(name, _DEFAULT_SECURITY)


def compile_plan(name: str, security_bits: int, calibration: Path | None = None) -> Plan:
    """Compile a model, calibrated on the frames of a file or on the model's own samples."""
    network = load_network(name)
    if calibration is None:
        labelled = load_samples(name)
    else:
        labelled = load_labelled(calibration, network.frame_shape, network.labels)
    step = -(-len(labelled.frames) // _CALIBRATION_FRAMES)  # from all over: files are often sorted by label
    return compile_network(network, labelled.frames[::step], security_bits)
