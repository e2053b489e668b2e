"""Commands about safety and provenance, as the tree shows them."""

import typer

from genq.cli import hash_lists, verification
from genq.cli.groups import add, group
from genq.cli.policy_tree import policies
from genq.cli.review_tree import add_reviews


def add_safety(app: typer.Typer) -> None:
    """Add what is checked, who decides, what is never let through, and what was made here."""
    app.add_typer(policies(), name="policy")
    add_reviews(app)
    app.add_typer(_hash_lists(), name="hash-lists")
    add(
        app,
        "verify",
        verification.verify,
        "genq verify kite.png",
        "genq verify --json kite.jpg",
    )


def _hash_lists() -> typer.Typer:
    app = group("Block lists: what is not to be made or taken.", "genq hash-lists ls")
    add(
        app,
        "ls",
        hash_lists.list_lists,
        "genq hash-lists ls",
        "genq hash-lists ls --everybody --json",
        also=("list",),
    )
    add(
        app,
        "create",
        hash_lists.create,
        "genq hash-lists create logos --category brand --action review",
    )
    add(
        app,
        "import",
        hash_lists.import_files,
        "genq hash-lists import logos hashes.txt logo.png",
        "genq hash-lists import logos gone.txt --remove",
    )
    add(app, "export", hash_lists.export, "genq hash-lists export logos > hashes.txt")
    add(app, "rm", hash_lists.remove_list, "genq hash-lists rm logos", also=("delete",))
    return app
