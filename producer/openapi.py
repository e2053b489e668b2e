"""``python -P -m producer.openapi``: the API's document of this release, without a server."""

import argparse
import sys
from pathlib import Path
from typing import Any, cast

import orjson

from infra.settings import Settings
from producer.api.app import create_app
from producer.api.services import Services


def document() -> dict[str, Any]:
    """Return the OpenAPI document; nothing is asked to make it."""
    return create_app(cast("Services", _NoServices())).openapi()


class _NoServices:
    """What routes work with, where no route is ever called."""

    def __init__(self) -> None:
        # Every setting that has a default, and no look at the shell's own.
        self.settings = Settings.model_construct()
        self.public_url = self.settings.public_url

    def __getattr__(self, name: str) -> Any:
        return None


def main() -> int:
    """Print the document, or write it to a file."""
    parser = argparse.ArgumentParser(prog="genq openapi --offline", description=__doc__)
    parser.add_argument("--output", type=Path, help="a file")
    output: Path | None = parser.parse_args().output
    content = orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if output is not None:
        output.write_bytes(content)
        sys.stderr.write(f"{output} is written\n")
        return 0
    sys.stdout.buffer.write(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
