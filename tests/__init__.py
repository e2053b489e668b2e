"""The promises, proved."""
