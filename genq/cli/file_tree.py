"""Commands about files, as the tree shows them."""

import typer

from genq.cli import files
from genq.cli.groups import add, group


def file_commands() -> typer.Typer:
    """Return `genq files`."""
    app = group("Files: inputs and outputs of batches.", "genq files ls")
    add(
        app,
        "ls",
        files.list_files,
        "genq files ls",
        "genq files ls --purpose batch_output --json",
        also=("list",),
    )
    add(
        app,
        "get",
        files.get,
        "genq files get file-01kb…",
        "genq files get file-01kb… -o results.jsonl",
        also=("show",),
    )
    add(
        app,
        "put",
        files.put,
        "genq files put lines.jsonl",
        "genq files put lines.jsonl --expires-after 7d",
        also=("upload",),
    )
    add(app, "rm", files.remove, "genq files rm file-01kb… --yes", also=("delete",))
    return app
