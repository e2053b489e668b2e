"""The settings of an installation: where each comes from, and whether they work."""
