"""`genq dead` and its commands, as the tree shows them."""

import typer

from genq.cli import dead_letters
from genq.cli.groups import add, group


def dead_letter_commands() -> typer.Typer:
    """Return the group."""
    app = group("Send failed jobs again.", "genq dead groups")
    add(app, "ls", dead_letters.list_dead, "genq dead ls --code model_unavailable --since 2h")
    add(app, "groups", dead_letters.groups, "genq dead groups --since 7d")
    add(app, "show", dead_letters.show, "genq dead show job_01kb…")
    add(
        app,
        "redrive",
        dead_letters.redrive,
        "genq dead redrive job_01kb…",
        "genq dead redrive --code model_unavailable --to-lane batch --dry-run",
    )
    return app
