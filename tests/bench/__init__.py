"""The benchmark behind ``make bench``: complete jobs through a complete genq, measured."""
