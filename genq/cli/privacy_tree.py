"""`genq erase`, `export`, `retention` and `hold`, as the tree shows them."""

import typer

from genq.cli import privacy
from genq.cli.groups import add, group


def add_privacy(app: typer.Typer) -> None:
    """Add the commands of people's data to the tree."""
    add(
        app,
        "erase",
        privacy.erase,
        "genq erase user-42",
        "genq erase user-42 --tenant acme --yes",
    )
    add(app, "export", privacy.export, "genq export user-42 -o user-42.ndjson")
    app.add_typer(_retention(), name="retention")
    app.add_typer(_holds(), name="hold")


def _retention() -> typer.Typer:
    app = group("For how long prompts and results are kept.", "genq retention ls")
    add(app, "ls", privacy.list_rules, "genq retention ls", also=("list",))
    add(
        app,
        "set",
        privacy.set_rule,
        "genq retention set --prompt-hours 0 --result-hours 24",
        "genq retention set --lane batch --prompt-hours 1 --result-hours 720 --tenant acme",
    )
    add(app, "rm", privacy.remove_rule, "genq retention rm --lane batch")
    return app


def _holds() -> typer.Typer:
    app = group("Keep content that must not go.", "genq hold ls")
    add(app, "ls", privacy.list_holds, "genq hold ls --tenant acme", also=("list",))
    add(
        app,
        "place",
        privacy.place_hold,
        "genq hold place --tenant acme --end-user user-42 --reason 'case 12/2026'",
    )
    add(app, "release", privacy.release_hold, "genq hold release hold_01kb…")
    return app
