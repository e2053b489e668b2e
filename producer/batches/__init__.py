"""Batches: files of requests, which become jobs, and files of what became of them."""
