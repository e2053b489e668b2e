"""How the tables move: Alembic revisions, and the command that applies them."""
