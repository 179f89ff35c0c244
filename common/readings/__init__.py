"""Labels of the regions of a picture become readings of a meter."""
