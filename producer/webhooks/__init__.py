"""Registered endpoints: made and changed, their secrets, links and tests."""
