"""A worker's key sets: from Redis, in files that a machine's processes map, and in memory."""
