"""The teacher of `scenes-wide`: a network with ReLU and max pooling, better than what can be evaluated on ciphertexts:

batch norm of the frame
→ conv 64 × 4×4, stride 2 → batch norm → ReLU                                       64 × 16×16
→ conv 128 × 3×3 → batch norm → ReLU → max pooling 2×2 = h                         128 × 8×8
→ conv 192 × 3×3 → batch norm → ReLU = i → conv 192 × 3×3, + i → batch norm → ReLU → max pooling 2×2
→ conv 256 × 3×3 → batch norm → ReLU = j → conv 256 × 3×3, + j → batch norm → ReLU → mean → dense 10
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from models.training.convolutions import augment, convolve, matrix, prepare
from models.training.trainable import Recipe, Trainable


class _Stage(NamedTuple):
    outputs: int
    kernel: int = 3
    stride: int = 1
    #: Whether the stage's input is added to what its convolution gives, and whether its output is pooled.
    residual: bool = False
    pooled: bool = False


_STAGES = (
    _Stage(64, kernel=4, stride=2),
    _Stage(128, pooled=True),
    _Stage(192),
    _Stage(192, residual=True, pooled=True),
    _Stage(256),
    _Stage(256, residual=True),
)


@dataclass(frozen=True)
class TeacherRecipe(Recipe):
    """Hyper-parameters, not tuned. Labels aren't smoothed: what a teacher says of the wrong ones is what it teaches."""

    learning_rate: float = 3e-3
    matrix_rate: float = 2e-2
    weight_decay: float = 2e-2
    rise: float = 0.2
    bfloat16: bool = True
    shift: int = 4
    contrast: float = 0.2


class Teacher(Trainable):
    """The network with ReLU."""

    def __init__(self, torch: Any, channels: int, labels: int, recipe: TeacherRecipe) -> None:
        nn = torch.nn
        self.recipe = recipe
        self.frame_norm = nn.BatchNorm2d(channels, affine=False)
        inputs = [channels, *(stage.outputs for stage in _STAGES)]
        self.matrices = [
            matrix(torch, stage.outputs, count, stage.kernel) for stage, count in zip(_STAGES, inputs, strict=False)
        ]
        self.norms = nn.ModuleList(nn.BatchNorm2d(stage.outputs) for stage in _STAGES)
        self.scores = nn.Linear(inputs[-1], labels)
        super().__init__(torch, (self.frame_norm, nn.ParameterList(self.matrices), self.norms, self.scores))

    def prepare(self, frames: Any) -> Any:
        """The frames as (n, c, h, w) in [0, 1]."""
        return prepare(frames)

    def augment(self, frames: Any) -> Any:
        """The same, shifted at random, half of them turned over, and of another contrast."""
        return augment(self.torch, frames, self.recipe.shift, self.recipe.contrast)

    def forward(self, x: Any) -> tuple[Any, list[Any]]:
        """Scores (n, labels) of frames (n, c, h, w) in [0, 1]; nothing limits what ReLU is given."""
        functional = self.torch.nn.functional
        x = self.frame_norm(x)
        for stage, weights, norm in zip(_STAGES, self.matrices, self.norms, strict=True):
            y = convolve(self.torch, x, weights, stage.kernel, stage.stride)
            x = functional.relu(norm(x + y if stage.residual else y))
            if stage.pooled:
                x = functional.max_pool2d(x, 2)
        return self.scores(x.mean(dim=(2, 3))), []
