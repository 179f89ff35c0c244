"""`blindsight model import`: networks from ONNX files.

reading     file → nodes, constants, shape of the input
conversion  nodes → a draft: layers, and activations that are still to be fitted
operators   one function for each operator: linear, pointwise, shaping
options     what may be asked for
fitting     activations → polynomials: the values of one activation
activations  all activations of a draft, one after the other, on calibration frames
refitting   linear layers behind fits, which make up for what these get wrong
distilling  the coefficients of all fits at once
choosing    which of the fits are taken: degrees, lines, refitted layers
importing   all of it, and what the fits cost
"""
