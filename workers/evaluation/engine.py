"""What evaluates plans on ciphertexts: bytes in, bytes out. Two engines do, `native` and `pyfhel`."""

from dataclasses import dataclass
from typing import Protocol

from common.keys.evaluation_keys import EvaluationKeysHeader
from common.plan.plan import Plan, PlanHead
from common.plan.sealed import SealedPlan


@dataclass(frozen=True)
class LoadedKeys:
    """A key set's evaluation keys as an engine holds them: what they can do, and the bytes of memory that they take."""

    header: EvaluationKeysHeader
    size: int


class PreparedPlan(Protocol):
    """A plan with encoded weights, for any key set of its parameters; or a sealed plan, for the key set it names."""

    @property
    def head(self) -> PlanHead:
        """The plan's head."""

    def evaluate(self, keys: LoadedKeys, burst: bytes, rounded: bool = False) -> bytes:
        """The encrypted scores of a burst. Both are ciphertexts in their wire form, one behind the other.

        The plan's head says how many ciphertexts of which level come in and go out. `keys` were loaded by the same
        engine, and are those of whoever encrypted the burst; whether they serve the plan has to be known
        (`keys.header.check_serves`). `rounded` leaves out those bits of the scores that the plan's error bound makes
        worthless. Threads may call this at once.

        Raises `WireError` when the burst isn't what the plan takes, `KeySetError` when a key is missing, and
        `PlanError` when the file of a sealed plan was altered.
        """


class Engine(Protocol):
    """Prepares plans, and loads keys for them. An engine is made after the fork of the process that uses it."""

    @property
    def description(self) -> dict[str, str]:
        """Its name, and what else tells how it computes, for logs and reports."""

    def prepare(self, plan: Plan | SealedPlan) -> PreparedPlan:
        """A plan that is ready to be evaluated.

        Encoding takes about half a second for a small network, and a minute for a large one; do it once per process.
        A sealed plan's weights are read when they are first used.

        Raises `NetworkError` when all weights of a target round to zero.
        """

    def load_keys(self, data: bytes | bytearray) -> LoadedKeys:
        """Evaluation keys from their wire form. Raises `WireError` for other bytes."""

    def keys_size(self, header: EvaluationKeysHeader) -> int:
        """Bytes of memory that the keys with this header will take."""
