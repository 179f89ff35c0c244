"""What evaluates plans on ciphertexts: bytes in, bytes out. Two engines do, `native` and `pyfhel`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common.keys.evaluation_keys import EvaluationKeysHeader
from common.plan.plan import Plan, PlanHead
from common.plan.sealed import SealedPlan


@dataclass(frozen=True)
class LoadedKeys:
    """A key set's evaluation keys as an engine holds them: what they can do, and the bytes of memory that they take.

    Keys that lie in a mapped file take none: the file's pages are in memory once, however many processes map it.
    """

    header: EvaluationKeysHeader
    size: int

    def use(self) -> None:
        """Say that they are used now."""

    @property
    def removed(self) -> bool:
        """Whether they lie in a file that was removed: its memory is free once nobody maps it."""
        return False


class KeyFiles(Protocol):
    """Key sets in the engine's own form, in files that all processes of a machine map."""

    def find(self, name: tuple[str, str], digest: bytes) -> LoadedKeys | None:
        """The key set of this owner and fingerprint whose wire form has this SHA-256; None when no file has it."""

    def keep(self, name: tuple[str, str], digest: bytes, data: bytes | bytearray) -> LoadedKeys | None:
        """The keys of a wire form, written into a file; None where it can't be written. Raises `WireError`."""


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
    """Prepares plans, and loads keys for them."""

    forks: bool
    """Whether processes that are forked once its plans are prepared share these. Else each makes its own engine."""

    @property
    def description(self) -> dict[str, str]:
        """Its name, and what else tells how it computes, for logs and reports."""

    def prepare(self, plan: Plan | SealedPlan) -> PreparedPlan:
        """A plan that is ready to be evaluated.

        Encoding takes a tenth of a second for a small network and seconds for a large one, and with Pyfhel several
        times as long; do it once.
        A sealed plan's weights are read when they are first used.

        Raises `NetworkError` when all weights of a target round to zero.
        """

    def load_keys(self, data: bytes | bytearray) -> LoadedKeys:
        """Evaluation keys from their wire form. Raises `WireError` for other bytes."""

    def keys_size(self, header: EvaluationKeysHeader) -> int:
        """Bytes of memory that the keys with this header will take."""

    def key_files(self, folder: Path, budget: int) -> KeyFiles | None:
        """Files in a private folder, of so many bytes together; None where the engine can't map its keys."""
