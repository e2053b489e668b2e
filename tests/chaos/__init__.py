"""A whole genq under load, real faults drawn from a seed, and the books at the end."""
