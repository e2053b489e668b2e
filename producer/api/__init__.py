"""The HTTP API: every answer, status and header that a client of genq can see."""
