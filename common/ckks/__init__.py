"""Parameters, contexts, residues, and the wire form of ciphertexts."""
