"""OpenAI's own clients, unchanged, against the API."""
