"""The paper's configurations."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.networks.compared import FOLDER
from benchmarks.paper.classification import Case
from common.plan.network import Network
from models.layer_choice import LAST, WHOLE


@dataclass(frozen=True)
class Configuration:
    """A network, and from which layer on it is encrypted."""

    name: str
    weights: Path
    encrypt_from: str

    def case(self, security_bits: int) -> Case:
        """The configuration at a security level."""
        return Case(self.name, Network.load(self.weights), self.encrypt_from, security_bits)


CONFIGURATIONS = (
    Configuration("last layer", FOLDER / "paper_x2_2x.npz", LAST),
    Configuration("full, no activation", FOLDER / "paper_linear.npz", WHOLE),
    Configuration("full, x² + 2x", FOLDER / "paper_x2_2x.npz", WHOLE),
)
