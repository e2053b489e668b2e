"""Results say that a machine made them, and are found again: see README.md."""
