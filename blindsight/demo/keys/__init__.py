"""The keys of a demo: the memory that they ask for, and how far they are on their way."""
