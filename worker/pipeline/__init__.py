"""What happens to a started job: a tuple of stages, and the decision about how it ended."""
