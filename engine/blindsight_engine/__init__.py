"""Evaluates the stages of Blindsight's plans on CKKS ciphertexts. It works on residues and knows no secret."""

from blindsight_engine._engine import Keys, Ring, Stage, pack, paths, unpack

__all__ = ["Keys", "Ring", "Stage", "pack", "paths", "unpack"]
