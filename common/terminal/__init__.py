"""Long tables in a terminal."""
