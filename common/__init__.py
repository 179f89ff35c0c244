"""What every part of Blindsight shares: parameters, keys, wire forms, the compiler, messages."""
