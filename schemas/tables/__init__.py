"""Table definitions, private to ``infra.postgres`` and ``migrations``."""
