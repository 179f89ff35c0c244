"""What whoever imports a network may ask for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import ConfigurationError
from compiler.onnx.fits.fitting import DEGREES
from compiler.onnx.max_pooling import REPLACEMENTS, Replacement

#: What may be asked of a network: which label wins, or the values themselves.
LABELS, VALUES = "labels", "values"


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """The options of an import. Raises `ConfigurationError` for values that no network can take.

    The network takes (frames / 255 - mean) / deviation; each has one value, or one for each channel. `labels` are
    "0", "1", … by default. With `output` "values" nothing is left out behind the last layer. `output_name` is the
    output with the scores, where a file has several. A single score becomes two labels at `threshold`: by default 0.5
    where it lies between 0 and 1, and 0 elsewhere. Of the activations `linearise` become lines, which take no level.
    `replace_maxpool` says what stands for max pooling, which is refused otherwise.
    """

    name: str
    labels: Sequence[str] | None = None
    mean: Sequence[float] = (0.0,)
    deviation: Sequence[float] = (1.0,)
    degree: int = DEGREES[0]
    output: str = LABELS
    output_name: str | None = None
    threshold: float | None = None
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
        if self.output not in (LABELS, VALUES):
            raise ConfigurationError(f"output is {self.output!r}; it must be {LABELS} or {VALUES}")
        if self.threshold is not None and (self.output == VALUES or not np.isfinite(self.threshold)):
            raise ConfigurationError(
                f"threshold is {self.threshold:g} with output {self.output}; it must be a finite number, and parts "
                f"{LABELS}"
            )
