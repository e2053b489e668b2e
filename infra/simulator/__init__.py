"""The development simulator: an OpenAI-compatible model server that needs no model."""
