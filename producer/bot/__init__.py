"""Bots as who runs genq looks after them: which tenant is served where, and by which rules."""
