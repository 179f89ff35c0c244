"""The models that ship: networks, their plans, sample frames, model cards."""
