"""Draws a picture from a prompt and a seed, so that development needs no image model."""
