"""Activations become polynomials, on calibration frames.

fitting      the values of one activation
activations  all activations of a draft, one after the other
refitting    linear layers behind fits, which make up for what these get wrong
distilling   the coefficients of all fits at once
room         how many frames may be in memory together
choosing     which of the fits are taken: degrees, lines, refitted layers
"""
