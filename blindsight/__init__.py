"""Blindsight in Python: networks to plans, key sets, encrypted evaluation, devices and consoles. See docs/python.md.

    import blindsight as bs

    plan = bs.compile(net, frames)
    keys = bs.KeySet.create(plan)
    scores = bs.Evaluator(plan, keys.evaluation).evaluate(keys.encrypt(frames[:1]))
    keys.decrypt(scores).labels

The command line imports this package too, so nothing of the API is loaded before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from blindsight.hidden import check_own_packages

if TYPE_CHECKING:
    from blindsight.api.compile import compile, import_network
    from blindsight.api.console import Console
    from blindsight.api.device import Device
    from blindsight.api.evaluator import Evaluator
    from blindsight.api.keys import Decryption, KeySet, PublicKeys
    from blindsight.api.plans import load_head, load_plan, open_sealed, seal
    from common.errors import (
        BlindsightError,
        BrokerError,
        CallbackError,
        CapacityError,
        ConfigurationError,
        CorruptedError,
        FrameError,
        HistoryError,
        InsecureError,
        KeySetError,
        NetworkError,
        OutboxError,
        OutboxFullError,
        ParameterError,
        PlanError,
        RecordError,
        WireError,
    )
    from common.plan import layers
    from common.plan.network import Network
    from common.plan.plan import Plan, PlanHead
    from common.plan.sealed import SealedPlan
    from common.readings.reading import Reading
    from compiler.onnx.importing import ImportReport
    from console.record.record import Check, FrameLabel
    from edge.camera.cameras import Camera, Shot
    from edge.labels.results import Result
    from edge.outbox.entries import Counts

__all__ = [
    "BlindsightError",
    "BrokerError",
    "CallbackError",
    "Camera",
    "CapacityError",
    "Check",
    "ConfigurationError",
    "Console",
    "CorruptedError",
    "Counts",
    "Decryption",
    "Device",
    "Evaluator",
    "FrameError",
    "FrameLabel",
    "HistoryError",
    "ImportReport",
    "InsecureError",
    "KeySet",
    "KeySetError",
    "Network",
    "NetworkError",
    "OutboxError",
    "OutboxFullError",
    "ParameterError",
    "Plan",
    "PlanError",
    "PlanHead",
    "PublicKeys",
    "Reading",
    "RecordError",
    "Result",
    "SealedPlan",
    "Shot",
    "WireError",
    "compile",
    "import_network",
    "layers",
    "load_head",
    "load_plan",
    "open_sealed",
    "seal",
]

#: Where each name comes from, when it is first asked for.
_HOMES = {
    "blindsight.api.compile": ("compile", "import_network", "layers"),
    "blindsight.api.console": ("Console",),
    "blindsight.api.device": ("Device",),
    "blindsight.api.evaluator": ("Evaluator",),
    "blindsight.api.keys": ("Decryption", "KeySet", "PublicKeys"),
    "blindsight.api.plans": ("load_head", "load_plan", "open_sealed", "seal"),
    "common.errors": tuple(name for name in __all__ if name.endswith("Error")),
    "common.plan.network": ("Network",),
    "common.plan.plan": ("Plan", "PlanHead"),
    "common.plan.sealed": ("SealedPlan",),
    "common.readings.reading": ("Reading",),
    "compiler.onnx.importing": ("ImportReport",),
    "console.record.record": ("Check", "FrameLabel"),
    "edge.camera.cameras": ("Camera", "Shot"),
    "edge.labels.results": ("Result",),
    "edge.outbox.entries": ("Counts",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # or type checkers would take any name for one of ours

    def __getattr__(name: str) -> Any:
        home = _HOME_OF.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        check_own_packages()
        value = globals()[name] = getattr(import_module(home), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
