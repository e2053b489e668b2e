"""Chat platforms: how each is heard, and how each is written to."""
