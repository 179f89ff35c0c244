"""Small networks whose weights all contestants read, and their training."""
