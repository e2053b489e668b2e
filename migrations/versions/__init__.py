"""The revisions, oldest first by number. A released revision never changes."""
