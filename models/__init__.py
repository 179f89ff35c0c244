"""The models that ship: networks, their plans, sample frames, model cards."""

from pathlib import Path

FOLDER = Path(__file__).parent
