"""Every door in (HTTP API, and more to come), and the dispatcher."""
