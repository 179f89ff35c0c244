"""Plans of named models: the one that ships, or one compiled now."""

from pathlib import Path

from common.compiler import compile_network
from common.plan import Plan, load_plan
from models.catalogue import load_labelled, load_network, load_samples, plan_path


def get_plan(name: str, security_bits: int) -> Plan:
    """The shipped plan of a model at a security level, or a fresh one. Raises `BlindsightError`."""
    shipped = plan_path(name, security_bits)
    return load_plan(shipped) if shipped.exists() else compile_plan(name, security_bits)


def compile_plan(name: str, security_bits: int, calibration: Path | None = None) -> Plan:
    """Compile a model, calibrated on the frames of a file or on the model's own samples."""
    network = load_network(name)
    frames = load_labelled(calibration, network.frame_shape) if calibration else load_samples(name)
    return compile_network(network, frames.frames, security_bits)
