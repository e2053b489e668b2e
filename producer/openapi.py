"""``python -P -m producer.openapi``: the API's document of this release, without a server."""

import argparse
import sys
from importlib.resources import files
from pathlib import Path


def document() -> bytes:
    """Return the OpenAPI document, as JSON; a test holds it against the routes."""
    return files("producer.api").joinpath("openapi.json").read_bytes()


def main() -> int:
    """Print the document, or write it to a file; return the exit code."""
    parser = argparse.ArgumentParser(prog="genq openapi --offline", description=__doc__)
    parser.add_argument("--output", type=Path, help="a file")
    output: Path | None = parser.parse_args().output
    if output is None:
        sys.stdout.buffer.write(document())
        return 0
    try:
        output.write_bytes(document())
    except OSError as error:
        sys.stderr.write(f"genq: {output}: {error.strerror}\n")
        return 1
    sys.stderr.write(f"{output} is written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
