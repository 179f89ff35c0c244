"""From a source of pictures to frames that are worth an encryption."""
