"""How well genq judges prompts: `make eval-safety`."""
