"""`blindsight model import`: networks from ONNX files.

file        bytes → nodes, constants, what goes in and what comes out
frames      in which order the input takes a frame's values
conversion  nodes → a draft, each by the function of its operator (scope), or at once where all is constant (constants)
refusals    what to do instead of what isn't supported
operators   one function for each operator: linear ones, functions of one value, what only moves values
draft       layers, and activations that are still to be fitted, with the tensors between them
ending      what stands behind the scores and decides nothing; pruning leaves out what then nobody needs
saturation  where a quantised network's values leave its integers
fits        activations → polynomials, on calibration frames
options     what may be asked for
importing   all of it, and what the fits cost
"""
