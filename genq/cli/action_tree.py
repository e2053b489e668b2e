"""`genq act` and `genq tree`, as the tree of commands shows them."""

import typer

from genq.cli import act, tree
from genq.cli.groups import add


def add_actions(app: typer.Typer) -> None:
    """Add the commands about what is made of pictures."""
    add(
        app,
        "act",
        act.act,
        "genq act job_01kb… upscale 2 -o large.png",
        "genq act job_01kb… vary 1 --strong --wait",
        'genq act job_01kb… remix --prompt "a blue kite"',
        "genq act job_01kb… pan 1 --direction left",
    )
    add(app, "tree", tree.tree, "genq tree job_01kb…", "genq tree job_01kb… --json")
