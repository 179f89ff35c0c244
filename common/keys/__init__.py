"""Key sets, their evaluation keys on the wire, and what only a key set's holder can do."""
