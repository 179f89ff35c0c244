"""Writes the networks of this folder that Keras exports; see README.md."""

from pathlib import Path

import keras
import numpy as np
from keras import layers

HERE = Path(__file__).parent


def colour() -> keras.Model:
    """Frames of 8×9 in colour: "same" padding, batch norm, a flatten of channels that stand last."""
    return keras.Sequential(
        [
            keras.Input((8, 9, 3)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.AveragePooling2D(2),
            layers.Conv2D(3, 3, strides=2, padding="same", activation="tanh"),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ]
    )


def grey() -> keras.Model:
    """Grey frames of 8×8 from 0 to 255, a residual sum, a mean over positions."""
    frames = keras.Input((8, 8, 1))
    first = layers.Conv2D(4, 3, padding="same", activation="sigmoid")(layers.Rescaling(1 / 255)(frames))
    second = layers.Conv2D(4, 3, padding="same", activation="relu")(first)
    return keras.Model(frames, layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Add()([first, second]))))


def main() -> None:
    """All files, from one seed."""
    keras.utils.set_random_seed(0)
    for name, model in (("keras_colour", colour()), ("keras_grey", grey())):
        model(np.zeros((1, *model.input_shape[1:]), "float32"))
        model.export(str(HERE / f"{name}.onnx"), format="onnx")


if __name__ == "__main__":
    main()
