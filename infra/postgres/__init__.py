"""All SQL: one function per question or move. They take a connection and never commit."""
