"""Plans on ciphertexts in a program's own process: no broker, no queue, and no secret."""

from blindsight.api.plans import head_of
from common.engine_names import EngineName
from common.errors import WireError
from common.keys.evaluation_keys import read_header
from common.plan.plan import Plan
from common.plan.predictions import check_memory
from common.plan.sealed import SealedPlan, structure_of
from workers.evaluation.engines import open_engine


class Evaluator:
    """Evaluates a plan on what the holder of one key set encrypted. For readers of Concrete ML: its `FHEModelServer`.

    It encodes the plan's weights when it is made, which takes up to some seconds. Make it after the
    process was forked. Threads may call it at once: the native engine computes for all of them, each on its own core;
    with `engine="pyfhel"`, its slow reference, or where the native one isn't installed, they take turns.
    """

    def __init__(self, plan: Plan | SealedPlan, evaluation: bytes, *, engine: EngineName | None = None) -> None:
        """Raises `WireError` for bytes that are no evaluation keys, `KeySetError` for those of another plan's key set,
        `PlanError` when the plan's weights are more than this machine's memory, and `ConfigurationError` where the
        engine that is asked for isn't installed.
        """
        evaluator = open_engine(engine)
        header, _ = read_header(evaluation)
        header.check_serves(head_of(plan))
        if isinstance(plan, Plan):  # the weights of a sealed one are read from its file
            check_memory(structure_of(plan))
        self._keys, self._plan = evaluator.load_keys(evaluation), evaluator.prepare(plan)

    def evaluate(self, burst: bytes) -> bytes:
        """The encrypted scores of an encrypted burst.

        Raises `WireError` for bytes that are no burst of this plan, and for keys that turn any burst into nothing. One
        that was encrypted under other keys can't be told from noise: its scores are noise too.
        """
        try:
            return self._plan.evaluate(self._keys, burst)
        except (RuntimeError, ValueError) as error:  # SEAL's: it refuses a result that anybody could read
            raise WireError(
                f"the burst can't be evaluated under these keys, which are no real ones: {error}"
            ) from error

    def __repr__(self) -> str:
        return f"<Evaluator of plan {self._plan.head.hash[:12]} of {self._plan.head.model}>"
