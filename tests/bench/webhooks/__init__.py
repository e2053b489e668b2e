"""Delivery of webhooks, measured against a bare loop that posts the same bodies."""
