"""Activations become polynomials, on calibration frames.

fitting      the values of one activation
activations  all activations of a draft, one after the other
refitting    linear layers behind fits, which make up for what these get wrong
distilling   the coefficients of all fits at once, by gradients from the tape
choosing     which of the fits are taken: degrees, lines, refitted layers
decisions    how much a change of scores matters to the labels
splitting    which frames a fit doesn't see
room         how many frames may be in memory together
"""
