"""The command line `genq`: it talks to the service over HTTP and starts its processes."""


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from genq.cli.app import run  # noqa: PLC0415 - the SDK imports this package, not Typer

        code = run()
    except KeyboardInterrupt:
        code = 130
    raise SystemExit(code)
