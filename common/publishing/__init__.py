"""What leaves the holder of the secret key: labels and readings, sent at least once to where settings say."""
