"""Sends what is owed to receivers: signed webhooks, from rows, until they are taken."""
