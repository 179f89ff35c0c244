"""`blindsight model import`: the command, the plan of what was imported, and what people read of both."""
