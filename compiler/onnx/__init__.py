"""`blindsight model import`: networks from ONNX files.

reading     file → nodes, constants, shape of the input
conversion  nodes → a draft: layers, and activations that are still to be fitted
operators   one function for each operator: linear, pointwise, shaping
options     what may be asked for
fitting     activations → polynomials, on calibration frames
importing   all of it, and what the fits cost
"""
