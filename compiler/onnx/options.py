"""What whoever imports a network may ask for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import ConfigurationError
from compiler.onnx.fitting import DEGREES
from compiler.onnx.max_pooling import REPLACEMENTS, Replacement


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """The options of an import. Raises `ConfigurationError` for values that no network can take.

    The network takes (frames / 255 - mean) / deviation; each has one value, or one for each channel. `labels` are
    "0", "1", … by default. Of the activations `linearise` become lines, which take no level. `replace_maxpool` says
    what stands for max pooling, which is refused otherwise.
    """

    name: str
    labels: Sequence[str] | None = None
    mean: Sequence[float] = (0.0,)
    deviation: Sequence[float] = (1.0,)
    degree: int = DEGREES[0]
    linearise: int = 0
    replace_maxpool: Replacement | None = None

    def __post_init__(self) -> None:
        if self.degree not in DEGREES:
            raise ConfigurationError(f"degree is {self.degree}; it must be {' or '.join(map(str, DEGREES))}")
        if self.replace_maxpool not in (None, *REPLACEMENTS):
            raise ConfigurationError(
                f"replace_maxpool is {self.replace_maxpool!r}; it must be {' or '.join(REPLACEMENTS)}"
            )
        if not all(np.isfinite(self.mean)) or not all(np.isfinite(self.deviation)) or min(self.deviation) <= 0:
            raise ConfigurationError("mean and std must be finite numbers, and std above 0")
