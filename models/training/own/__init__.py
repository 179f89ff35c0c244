"""Training on pictures of one's own: `blindsight model train --from MODEL` and `--recipe NAME`."""
