"""A whole site on one machine: servers, bridge, workers and cameras."""
