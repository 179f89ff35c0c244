"""The record of labels: kept, exported, and cut by age."""
