"""`genq policy` and its commands, as the tree shows them."""

import typer

from genq.cli import policy
from genq.cli.groups import add, group


def policies() -> typer.Typer:
    """Return the group."""
    app = group(
        "Look at and change safety policies.",
        "genq policy show",
        "genq policy validate policy.yaml",
        order=("show", "validate", "create", "approve", "activate", "simulate", "ls"),
    )
    add(app, "show", policy.show, "genq policy show", "genq policy show 3 > policy.yaml")
    add(
        app,
        "validate",
        policy.validate,
        "genq policy validate policy.yaml",
        "genq policy validate acme.yaml --tenant acme",
    )
    add(app, "ls", policy.list_versions, "genq policy ls", also=("list",))
    add(
        app,
        "create",
        policy.create,
        "genq policy create policy.yaml",
        "genq policy create acme.yaml --tenant acme",
    )
    add(app, "approve", policy.approve, "genq policy approve 3")
    add(app, "activate", policy.activate, "genq policy activate 3")
    add(app, "simulate", policy.simulate, "genq policy simulate policy.yaml --since 7d")
    add(app, "sanctions", policy.sanctions, "genq policy sanctions --tenant acme")
    add(app, "lift", policy.lift, "genq policy lift user-42 --tenant acme")
    return app
