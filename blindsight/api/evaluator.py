"""Plans on ciphertexts in a program's own process: no broker, no queue, and no secret."""

import threading

from blindsight.api.plans import head_of
from common.ckks.ciphertext import decode_ciphertexts, encode_ciphertexts
from common.errors import WireError
from common.keys.evaluation_keys import decode_evaluation_keys
from common.plan.plan import Plan
from common.plan.predictions import check_memory
from common.plan.sealed import SealedPlan, structure_of
from workers.evaluation.evaluator import PreparedPlan
from workers.evaluation.weights import WeightCache


class Evaluator:
    """Evaluates a plan on what the holder of one key set encrypted. For readers of Concrete ML: its `FHEModelServer`.

    It encodes the plan's weights when it is made, which takes from half a second to a minute. Python's lock is held
    while it computes, so threads gain nothing: run one process a core, each with an evaluator of its own, made after
    the process was forked. Calls from several threads take turns.
    """

    def __init__(self, plan: Plan | SealedPlan, evaluation: bytes) -> None:
        """Raises `WireError` for bytes that are no evaluation keys, `KeySetError` for those of another plan's key set,
        and `PlanError` when the plan's weights are more than this machine's memory.
        """
        header, self._context = decode_evaluation_keys(evaluation)
        header.check_serves(head_of(plan))
        if isinstance(plan, Plan):  # the weights of a sealed one are read from its file
            check_memory(structure_of(plan))
        self._plan = PreparedPlan(plan, WeightCache())
        self._turn = threading.Lock()

    def evaluate(self, burst: bytes) -> bytes:
        """The encrypted scores of an encrypted burst.

        Raises `WireError` for bytes that are no burst of this plan, and for keys that turn any burst into nothing. One
        that was encrypted under other keys can't be told from noise: its scores are noise too.
        """
        head = self._plan.head
        with self._turn:
            inputs = decode_ciphertexts(
                self._context, burst, head.parameters.levels, head.input_scale, head.input_ciphertexts
            )
            try:
                scores = self._plan.evaluate(self._context, inputs)
            except (RuntimeError, ValueError) as error:  # SEAL's: it refuses a result that anybody could read
                raise WireError(
                    f"the burst can't be evaluated under these keys, which are no real ones: {error}"
                ) from error
            return encode_ciphertexts(self._context, scores)

    def __repr__(self) -> str:
        return f"<Evaluator of plan {self._plan.head.hash[:12]} of {self._plan.head.model}>"
