"""OpenAI's own clients, unmodified, against a whole genq of real processes."""
