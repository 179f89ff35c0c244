"""ONNX files: read, checked, and reduced to what the scores need; which input holds frames, and which output scores."""
