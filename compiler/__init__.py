"""Network → plan: layouts, diagonals, rotation steps and the modulus chain. No service imports it."""
