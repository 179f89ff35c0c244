"""The Redis side that bridge and workers share: tasks, turns, what waits, who works."""
