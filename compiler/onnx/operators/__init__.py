"""Operators of ONNX, by what they do with a frame's values."""
