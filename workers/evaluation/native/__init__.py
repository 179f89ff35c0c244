"""Plans on `blindsight_engine`, the project's own extension: a whole stage at a time, on residues."""
