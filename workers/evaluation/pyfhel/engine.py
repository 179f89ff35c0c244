"""Plans and keys on Pyfhel."""

import threading
from dataclasses import dataclass
from pathlib import Path

from common.ckks.ciphertext import decode_ciphertexts, encode_ciphertexts
from common.ckks.fhe import Ciphertext, Context
from common.ckks.rounded import encode_rounded
from common.keys.evaluation_keys import EvaluationKeysHeader, decode_evaluation_keys, memory_size
from common.plan.label_bits import label_bits
from common.plan.plan import Plan, PlanHead
from common.plan.sealed import SealedPlan
from workers.evaluation.engine import LoadedKeys
from workers.evaluation.folds import read_halves
from workers.evaluation.pyfhel.evaluator import Evaluator
from workers.evaluation.pyfhel.weights import WeightCache


@dataclass(frozen=True)
class PyfhelKeys(LoadedKeys):
    """Keys in a context of SEAL's."""

    context: Context


class PyfhelPlan:
    """A plan as operations of SEAL's. Threads take turns: Python's lock is held while SEAL computes."""

    def __init__(self, plan: Plan | SealedPlan, cache: WeightCache) -> None:
        self._evaluator, self._turn = Evaluator(plan, cache), threading.Lock()
        self._bits = label_bits(self.head)

    @property
    def head(self) -> PlanHead:
        """The plan's head."""
        return self._evaluator.head

    def evaluate(self, keys: LoadedKeys, burst: bytes, rounded: bool = False) -> bytes:
        """As every engine's plan does. Raises SEAL's `RuntimeError` too, for a result that anybody could read."""
        assert isinstance(keys, PyfhelKeys)
        head, context = self.head, keys.context
        with self._turn:
            scores = self._evaluator.evaluate(context, self._inputs(keys, burst))
            if not rounded:
                return encode_ciphertexts(context, scores)
            residues = [context.save_ciphertext(score) for score in scores]
        return encode_rounded(head.parameters, residues, self._bits)

    def _inputs(self, keys: PyfhelKeys, burst: bytes) -> list[Ciphertext]:
        head, context, parameters = self.head, keys.context, self.head.parameters
        halves = read_halves(head, keys.header, burst)
        if halves is None:
            return decode_ciphertexts(context, burst, parameters.levels, head.input_scale, head.input_ciphertexts)
        inputs = [context.load_ciphertext(half, head.input_scale) for half in halves]
        for each in inputs:
            context.add_in_place(each, context.rotated(each, parameters.half_turn))
        return inputs


class PyfhelEngine:
    """Evaluates with Pyfhel. Weights of sealed plans stay in the cache while it has room."""

    #: SEAL's memory doesn't survive a fork.
    forks = False

    def __init__(self, weights: WeightCache | None = None) -> None:
        self._weights = weights or WeightCache()

    @property
    def description(self) -> dict[str, str]:
        """Its name."""
        return {"engine": "pyfhel"}

    def prepare(self, plan: Plan | SealedPlan) -> PyfhelPlan:
        """A plan that is ready to be evaluated, as every engine makes it."""
        return PyfhelPlan(plan, self._weights)

    def load_keys(self, data: bytes | bytearray) -> PyfhelKeys:
        """Evaluation keys from their wire form, as every engine loads them."""
        header, context = decode_evaluation_keys(data)
        return PyfhelKeys(header, self.keys_size(header), context)

    def keys_size(self, header: EvaluationKeysHeader) -> int:
        """Bytes of memory that SEAL needs for the keys with this header."""
        return memory_size(header)

    def key_files(self, folder: Path, budget: int) -> None:
        """None: SEAL's keys lie in SEAL's own memory."""
