"""Pictures as arrays: how they are read, and what is made of them before a network sees them."""
