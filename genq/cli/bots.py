"""`genq bot`: which tenant is served where, and by which rules, for who runs genq.

``producer.bot`` does it and judges the values; this passes them on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.operate import DataDir, own_data_dir
from genq.cli.processes import become
from genq.cli.screen import is_quiet

PLATFORMS: Final = ("discord", "slack", "telegram")
# A Telegram group's id begins with a dash, which is no flag.
MINUS: Final = "\u2212"

Platform = Annotated[
    str, typer.Argument(metavar="PLATFORM", help="discord, slack or telegram.")
]
Place = Annotated[
    str | None,
    typer.Argument(
        metavar="[PLACE]",
        help="The id of a Discord server, a Slack workspace, a Telegram chat.",
    ),
]
User = Annotated[
    str | None,
    typer.Option("--user", metavar="ID", help="One person: there, or without PLACE anywhere."),
]
Tenant = Annotated[
    str | None,
    typer.Option("--tenant", metavar="NAME", help="Whose jobs they are; of a new one needed."),
]
Lanes = Annotated[
    str | None,
    typer.Option("--lanes", metavar="A,B|any", help="Allowed; the first is the usual one."),
]
MaxJobs = Annotated[
    str | None,
    typer.Option("--max-jobs", metavar="N|none", help="Unfinished jobs of one person."),
]
Press = Annotated[
    str | None,
    typer.Option(
        "--press", metavar="WHO", help="May press buttons: owner, anyone; default: settings."
    ),
]
Channels = Annotated[
    str | None,
    typer.Option("--channels", metavar="A,B|any", help="Ids of the only channels it serves."),
]
NotIn = Annotated[
    str | None,
    typer.Option("--not-in", metavar="A,B|none", help="Ids of channels it does not serve."),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model", metavar="COMMAND=NAME", help="Usual one, such as imagine=…; repeatable."
    ),
]
OfPlatform = Annotated[
    str | None, typer.Option("--platform", metavar="NAME", help="Only bindings there.")
]
OfTenant = Annotated[
    str | None, typer.Option("--tenant", metavar="NAME", help="Only bindings to this one.")
]
Rows = Annotated[int, typer.Option("--limit", metavar="ROWS", min=1, max=1000)]
After = Annotated[
    str | None, typer.Option("--after", metavar="ID", help="Only those older than this one.")
]


def bindings(
    *,
    platform: OfPlatform = None,
    tenant: OfTenant = None,
    limit: Rows = 100,
    after: After = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List what is bound to which tenant, newest first, and say which bots are silent."""
    one_of(platform, PLATFORMS, "--platform")
    flags = {"--platform": platform, "--tenant": tenant, "--after": after}
    _become(
        "bindings", [], {**flags, "--limit": str(limit)}, as_json=as_json, data_dir=data_dir
    )


def bind(
    platform: Platform,
    place: Place = None,
    *,
    user: User = None,
    tenant: Tenant = None,
    lanes: Lanes = None,
    max_jobs: MaxJobs = None,
    press: Press = None,
    channels: Channels = None,
    not_in: NotIn = None,
    model: Models = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Bind a place or a person to a tenant, or change a binding; it counts at once.

    Of a binding that is there, what is not named stays as it is, unless the tenant changes;
    one that is paused goes on. What is said of a person in a place comes first, then what is
    said of the place, then what is said of the person anywhere.
    """
    flags = {
        "--user": user,
        "--tenant": tenant,
        "--lanes": lanes,
        "--max-jobs": max_jobs,
        "--press": press,
        "--channels": channels,
        "--not-in": not_in,
    }
    told = [f"--model={one}" for one in model or ()]
    one_of(platform, PLATFORMS, "PLATFORM")
    _become("bind", [*told, platform], flags | _at(place), as_json=as_json, data_dir=data_dir)


def unbind(
    platform: Platform,
    place: Place = None,
    *,
    user: User = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Serve a place or a person no more; jobs that were accepted go on."""
    one_of(platform, PLATFORMS, "PLATFORM")
    flags = {"--user": user} | _at(place)
    _become("unbind", [platform], flags, as_json=as_json, data_dir=data_dir)


def resume(
    platform: Platform,
    place: Place = None,
    *,
    user: User = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Let a paused binding go on, or without PLACE and --user the platform's stopped bot.

    A binding is paused when the bot is removed from the place. A bot is stopped when its
    platform refuses its token: another token lets it go on by itself.
    """
    one_of(platform, PLATFORMS, "PLATFORM")
    flags = {"--user": user} | _at(place)
    _become("resume", [platform], flags, as_json=as_json, data_dir=data_dir)


def _at(place: str | None) -> dict[str, str | None]:
    return {"--place": place or None}


def _become(
    command: str,
    told: list[str],
    flags: Mapping[str, str | None],
    *,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    words = [command]
    if as_json:
        words.append("--json")
    if is_quiet():
        words.append("--quiet")
    if data_dir is not None:
        words.append(f"--data-dir={data_dir}")
    elif (running := own_data_dir()) is not None:
        words.append(f"--embedded={running}")
    # In one word each: a value may begin with a dash.
    words += [f"{flag}={value}" for flag, value in flags.items() if value is not None]
    become("producer.bot", [word.replace(MINUS, "-") for word in (*words, *told)])
