"""Operators of ONNX that treat each value by itself, or that come from other libraries: one function for each."""
