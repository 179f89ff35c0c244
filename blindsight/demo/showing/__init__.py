"""What each party of a demo holds of a picture: in a terminal, and as a picture."""
