"""Rules of the source that no linter holds. Each is also shown to be able to fail."""
