"""What operators do to a whole installation: pause, resume, drain, look."""
