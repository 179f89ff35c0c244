"""The reference: every operation of a plan is a call of SEAL's, through Pyfhel."""
