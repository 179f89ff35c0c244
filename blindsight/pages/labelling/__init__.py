"""Labelling: the crops of a folder, their labels, and the page on which a person gives these."""
