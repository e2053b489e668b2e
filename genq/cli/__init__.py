"""The command line `genq`: it talks to the service over HTTP and starts its processes."""

import gc

# The tree of commands is some 100,000 objects, none of them garbage.
_OBJECTS_BEFORE_A_LOOK = 200_000


def main() -> None:
    """Run the command line and exit with its code."""
    # Looking for garbage takes a tenth of a start, and most commands end before there is any.
    gc.set_threshold(_OBJECTS_BEFORE_A_LOOK, 10, 10)
    try:
        from genq.cli.app import run  # noqa: PLC0415 - the SDK imports this package, not Typer

        code = run()
    except KeyboardInterrupt:
        code = 130
    raise SystemExit(code)
