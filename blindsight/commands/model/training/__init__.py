"""`blindsight model train`: the command, a file for each way to train, and what people read."""
