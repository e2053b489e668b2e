"""A large batch on a complete genq: how fast, beside whom, and whether every line comes out."""
