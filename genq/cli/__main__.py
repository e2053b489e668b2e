"""`python -P -m genq.cli`, for where the `genq` command is not on the path."""

from genq.cli import main

main()
