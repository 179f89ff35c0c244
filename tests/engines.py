"""The engines that can run here: the reference first, then each path of the native one that this machine has."""

from workers.evaluation.engine import Engine
from workers.evaluation.pyfhel.engine import PyfhelEngine


def _native() -> list[Engine]:
    try:
        import blindsight_engine
    except ImportError:
        return []
    from workers.evaluation.native.engine import NativeEngine

    return [NativeEngine(path) for path in blindsight_engine.paths()]


NATIVE = _native()
ENGINES: list[Engine] = [PyfhelEngine(), *NATIVE]


def name_of(engine: object) -> str:
    """For the names of tests."""
    assert hasattr(engine, "description")
    return "-".join(engine.description.values())
