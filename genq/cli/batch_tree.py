"""`genq batch`, as the tree shows it."""

import typer

from genq.cli import batches
from genq.cli.batch_submit import submit
from genq.cli.groups import add, group


def add_batches(app: typer.Typer) -> None:
    """Add the commands of batches to the tree."""
    app.add_typer(_batches(), name="batch")
    app.add_typer(_batches(), name="batches", hidden=True)


def _batches() -> typer.Typer:
    app = group(
        "Many requests in a file, answered when there is room.",
        "genq batch submit rows.csv --template 'Translate: {{text}}' --wait -o out.jsonl",
    )
    add(
        app,
        "submit",
        submit,
        "genq batch submit rows.csv --template 'Translate: {{text}}' --wait -o out.jsonl",
        "genq batch submit prompts.jsonl --endpoint images --size 512x512 --lane relax",
        "genq batch submit openai-lines.jsonl --window 3d --max-parallel 50",
    )
    add(app, "ls", batches.list_batches, "genq batch ls --limit 5", also=("list",))
    add(app, "get", batches.get_batch, "genq batch get batch_01kb…", also=("show",))
    add(app, "watch", batches.watch, "genq batch watch batch_01kb… -o out.jsonl")
    add(app, "cancel", batches.cancel, "genq batch cancel batch_01kb…")
    add(app, "retry", batches.retry, "genq batch retry batch_01kb… --wait -o rest.jsonl")
    add(
        app,
        "results",
        batches.results,
        "genq batch results batch_01kb… -o so-far.jsonl",
        "genq batch results batch_01kb… --include errors",
        "genq batch results batch_01kb… --follow",
    )
    return app
