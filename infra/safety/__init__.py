"""Judges prompts and outputs: what both the API and the workers ask, offline first."""
