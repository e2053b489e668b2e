"""`genq route` and its commands, as the tree shows them."""

import typer

from genq.cli import routes
from genq.cli.groups import add, group


def routings() -> typer.Typer:
    """Return the group."""
    app = group(
        "Look at and change which model server gets a call.",
        "genq route show gpt-image-1",
        "genq route canary gpt-image-1 new-server 10",
        order=("ls", "show", "health", "canary", "weights", "set", "rollback", "history"),
    )
    add(app, "ls", routes.list_routes, "genq route ls", also=("list",))
    add(app, "show", routes.show, "genq route show gpt-image-1")
    add(app, "health", routes.health, "genq route health gpt-image-1")
    add(app, "canary", routes.canary, "genq route canary gpt-image-1 new-server 10")
    add(app, "weights", routes.weights, "genq route weights gpt-image-1 one=3 two=1")
    add(
        app,
        "set",
        routes.set_route,
        "genq route set gpt-image-1 route.yaml --note 'two more servers'",
    )
    add(app, "rollback", routes.rollback, "genq route rollback gpt-image-1")
    add(app, "history", routes.history, "genq route history gpt-image-1")
    add(app, "enable", routes.enable, "genq route enable gpt-image-1 old-server")
    add(app, "disable", routes.disable, "genq route disable gpt-image-1 old-server")
    add(app, "drain", routes.drain, "genq route drain gpt-image-1 old-server")
    return app
