"""`genq files`: inputs and outputs of batches, and other files that were uploaded."""

import shutil
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.instants import read_span, short
from genq.cli.screen import confirm, print_data, print_json, print_table, tell
from genq.client import Genq
from genq.file_models import StoredFile

_PAGE: Final = 1_000
_STDOUT: Final = "-"

FileId = Annotated[str, typer.Argument(metavar="ID", help="file-…")]
FileIds = Annotated[list[str], typer.Argument(metavar="ID…", help="file-…")]
Source = Annotated[
    Path,
    typer.Argument(metavar="PATH", help="What to upload.", exists=True, dir_okay=False),
]
Purpose = Annotated[
    str,
    typer.Option("--purpose", metavar="WORD", help="batch, vision, user_data or evals."),
]
OfPurpose = Annotated[
    str | None,
    typer.Option("--purpose", metavar="WORD", help="Such as batch, or batch_output."),
]
ExpiresAfter = Annotated[
    str | None,
    typer.Option(
        "--expires-after", metavar="SPAN", help="Keep it so long: 12h, 7d; an hour at least."
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="PATH", help="Save it: a file, a folder, or -."),
]


def list_files(
    *,
    purpose: OfPurpose = None,
    limit: Limit = 20,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """List files, newest first."""
    with Genq(api_key, url) as client:
        page = client.files.list(purpose=purpose, limit=min(limit, _PAGE))
        found = list(islice(page, limit))
    if as_json:
        for file in found:
            print_json(file.raw)
        return
    if not found:
        tell("no files; upload one: genq files put lines.jsonl")
        return
    rows = [_row(file) for file in found]
    headings = ("id", "purpose", "bytes", "created", "expires", "filename")
    print_table(headings, rows, ("expires", "created", "purpose", "filename", "bytes"))


def get(
    file_id: FileId,
    *,
    output: Output = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show what is known of a file; with -o, fetch its bytes."""
    with Genq(api_key, url) as client:
        file = client.files.get(file_id)
        if output == _STDOUT:
            _print_bytes(client, file)
            return
        path = None if output is None else _path_of(file, output)
        if path is not None:
            client.files.download(file_id, path)
    if as_json:
        print_json(file.raw)
    elif path is not None:
        print_data(str(path))
    else:
        for heading, value in zip(("id", "purpose", "bytes"), _row(file), strict=False):
            print_data(f"{heading:<9} {value}")
        print_data(f"created   {short(file.created_at)}")
        print_data(f"expires   {short(file.expires_at) if file.expires_at else 'never'}")
        print_data(f"filename  {file.filename}")


def put(
    source: Source,
    *,
    purpose: Purpose = "batch",
    expires_after: ExpiresAfter = None,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Upload a file; print its id."""
    seconds = read_span(expires_after, "--expires-after")
    with Genq(api_key, url) as client:
        file = client.files.create(
            source, purpose=purpose, expires_after=None if seconds is None else int(seconds)
        )
    if as_json:
        print_json(file.raw)
        return
    print_data(file.id)
    until = f", kept until {short(file.expires_at)}" if file.expires_at else ""
    tell(f"{file.filename}: {file.bytes} bytes{until}")


def remove(
    file_ids: FileIds,
    *,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Delete files; a batch that reads one goes on."""
    several = file_ids[0] if len(file_ids) == 1 else f"{len(file_ids)} files"
    confirm(f"Delete {several}? The bytes do not come back.", yes=yes)
    with Genq(api_key, url) as client:
        for file_id in file_ids:
            client.files.delete(file_id)
            if as_json:
                print_json({"id": file_id, "deleted": True})
            else:
                tell(f"{file_id} is gone")


def _row(file: StoredFile) -> tuple[str, ...]:
    return (
        file.id,
        file.purpose,
        str(file.bytes),
        short(file.created_at),
        short(file.expires_at) if file.expires_at else "never",
        file.filename,
    )


def _path_of(file: StoredFile, output: str) -> Path:
    target = Path(output)
    if not output.endswith("/") and not target.is_dir():
        return target
    # The server's word for a name is not to lead out of the folder.
    name = Path(file.filename.replace("\\", "/")).name
    return target / (name if name not in {"", ".", ".."} else file.id)


def _print_bytes(client: Genq, file: StoredFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = client.files.download(file.id, Path(folder) / "content")
        with path.open("rb") as content:
            shutil.copyfileobj(content, sys.stdout.buffer)
    sys.stdout.buffer.flush()
