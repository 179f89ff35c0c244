"""Training the shipped models, with PyTorch: `blindsight model train`.

Each model has a recipe of its own; the trainer is shared.
"""

from models.training import digits, scenes, scenes_wide
from models.training.digits import train_digits
from models.training.scenes import train_scenes
from models.training.scenes_wide import train_scenes_wide
from models.training.trainer import Training

#: What can be trained, by the name of the model.
TRAININGS = {
    "digits": Training(train_digits, digits.FRAME_SHAPE, digits.DEFAULT_EPOCHS, digits.ACTIVATIONS),
    "scenes": Training(train_scenes, scenes.FRAME_SHAPE, scenes.DEFAULT_EPOCHS),
    "scenes-wide": Training(train_scenes_wide, scenes_wide.FRAME_SHAPE, scenes_wide.DEFAULT_EPOCHS),
}

__all__ = ["TRAININGS", "train_digits", "train_scenes", "train_scenes_wide"]
