"""Commands about schedules, as the tree shows them."""

import typer

from genq.cli import schedules
from genq.cli.groups import add, group


def schedule_commands() -> typer.Typer:
    """Return `genq schedules`."""
    app = group("Submit jobs again and again.", "genq schedules ls")
    add(
        app,
        "create",
        schedules.create,
        'genq schedules create nightly "30 2 * * *" "a red kite" --timezone Europe/Berlin',
        "genq schedules create report @hourly --file job.json",
    )
    add(app, "ls", schedules.list_schedules, "genq schedules ls --json", also=("list",))
    add(app, "show", schedules.show, "genq schedules show nightly", also=("get",))
    add(app, "update", schedules.update, "genq schedules update nightly --cron @daily")
    add(app, "pause", schedules.pause, "genq schedules pause nightly")
    add(app, "resume", schedules.resume, "genq schedules resume nightly")
    add(app, "trigger", schedules.trigger, "genq schedules trigger nightly")
    add(app, "delete", schedules.delete, "genq schedules delete nightly")
    return app
