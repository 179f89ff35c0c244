"""Which engine evaluates: the native one where its extension is installed, and else Pyfhel."""

import functools

from common.engine_names import EngineName
from common.errors import ConfigurationError
from common.logs import get_logger
from workers.evaluation.engine import Engine
from workers.evaluation.pyfhel.engine import PyfhelEngine
from workers.evaluation.pyfhel.weights import WeightCache

#: How to get the native engine.
FIX = "run make install on a machine with a C++ compiler"

log = get_logger(__name__)


def choose_engine(name: EngineName | None = None) -> EngineName:
    """The engine that is asked for, or the best that can run here; the first time that it is Pyfhel, the log says why.

    Raises `ConfigurationError` where the native engine is asked for and can't be loaded.
    """
    if name == "pyfhel":
        return name
    reason = why_not_native()
    if reason is None:
        return "native"
    if name == "native":
        raise ConfigurationError(f"engine is native, which can't be loaded ({reason}); {FIX}, or choose pyfhel")
    _warn(reason)
    return "pyfhel"


def open_engine(name: EngineName | None = None, weights: WeightCache | None = None) -> Engine:
    """An engine as `choose_engine` chooses it. Pyfhel's keeps weights of sealed plans in `weights`.

    Raises `ConfigurationError` where the native engine is asked for and can't be loaded.
    """
    if choose_engine(name) == "pyfhel":
        return PyfhelEngine(weights)
    from workers.evaluation.native.engine import NativeEngine

    return NativeEngine()


def runnable_engines() -> tuple[EngineName, ...]:
    """The engines that can run here, the fastest first."""
    return ("pyfhel",) if why_not_native() else ("native", "pyfhel")


def native_paths() -> tuple[str, ...]:
    """The paths of the native engine's code that this processor can run, the fastest first.

    There are none where its extension can't be loaded.
    """
    if why_not_native() is not None:
        return ()
    import blindsight_engine

    return blindsight_engine.paths()


def why_not_native() -> str | None:
    """Why the native engine can't be loaded; None if it can."""
    try:
        import blindsight_engine  # noqa: F401
    except ImportError as error:
        return str(error)
    return None


@functools.cache
def _warn(reason: str) -> None:
    """Once in a process."""
    log.warning("evaluating with Pyfhel, several times slower than the native engine", reason=reason, fix=FIX)
