"""What things are: states, errors, events, wire shapes, tables.

Pure: no I/O, no clock, no randomness.
"""
