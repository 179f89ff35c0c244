"""A key set's evaluation keys as SEAL holds them."""

from dataclasses import dataclass

from common.ckks.fhe import Context
from common.keys.evaluation_keys import EvaluationKeysHeader


@dataclass(frozen=True)
class LoadedKeys:
    """What the keys can do, a context that holds them, and the SHA-256 in hexadecimal that their holder announced.

    `LoadedKeys(*decode_evaluation_keys(data))` are keys that nobody announced.
    """

    header: EvaluationKeysHeader
    context: Context
    digest: bytes | None = None
