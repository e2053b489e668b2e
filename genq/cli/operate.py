"""`genq pause`, `resume`, `drain`, `pauses`, `workers`, `limits`: for who runs an installation.

They reach PostgreSQL themselves, by the settings of the service (GENQ_DATABASE_URL and so on)
or, if the shell names none, those of the `genq up` that wrote the profile.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.processes import become
from genq.cli.profile import default_data_dir, read_profile, wanted
from genq.cli.screen import is_quiet
from genq.models import LANES

SCOPES: Final = ("lane", "model", "tenant")

What = Annotated[str, typer.Argument(metavar="WHAT", help="lane, model or tenant.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as fast, gpt-image-1 or acme.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Act on the `genq up` that runs there."),
]
Patience = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0, help="Then exit code 124.")
]


def pause(
    what: What, name: Name, as_json: options.AsJson = False, data_dir: DataDir = None
) -> None:
    """Hold a lane, a model or a tenant back.

    Nothing more of it is started until `genq resume`. What runs goes on, and new jobs are
    accepted: they wait.
    """
    operate("pause", _named(what, name), as_json=as_json, data_dir=data_dir)


def resume(
    what: What, name: Name, as_json: options.AsJson = False, data_dir: DataDir = None
) -> None:
    """Let a paused lane, model or tenant go on, at once."""
    operate("resume", _named(what, name), as_json=as_json, data_dir=data_dir)


def drain(
    what: What,
    name: Name,
    timeout: Patience = 1800,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Pause, and wait until nothing of it runs.

    It stays paused: `genq resume` ends that. Exit code 124 if jobs still run after --timeout.
    """
    flags = {"--timeout": str(timeout)}
    operate("drain", _named(what, name), flags, as_json=as_json, data_dir=data_dir)


def pauses(as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """Show what is paused, since when, and how many jobs wait there."""
    operate("pauses", as_json=as_json, data_dir=data_dir)


def workers(as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """Show the worker processes: host, pid, slots, what they do, how long they live on."""
    operate("workers", as_json=as_json, data_dir=data_dir)


def limits(as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """Show what model servers allow now, and which models wait for them.

    Servers that offer a model in common are one account: its limits are the sum of theirs.
    """
    operate("limits", as_json=as_json, data_dir=data_dir)


def reseal(as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """Seal all stored webhook secrets with the newest key of GENQ_SECRETS_KEY.

    First give every process the new key, before the older ones and with a comma between; then
    run this; then take the older ones away.
    """
    operate("webhook-reseal", as_json=as_json, data_dir=data_dir)


def _named(what: str, name: str) -> list[str]:
    one_of(what, SCOPES, "WHAT")
    if what == "lane":
        one_of(name, LANES, "NAME")
    return [what, name]


def operate(
    command: str,
    named: Sequence[str] = (),
    flags: Mapping[str, str | None] | None = None,
    switches: Sequence[str] = (),
    *,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Become a command of `producer.operator`.

    Args:
        command: As it is called there.
        named: Arguments by place.
        flags: Options and their values; one without a value is left out.
        switches: Options that take none.
        as_json: Print JSON.
        data_dir: The folder of the `genq up` to act on.
    """
    told = [command, *switches]
    if as_json:
        told.append("--json")
    if is_quiet():
        told.append("--quiet")
    # In one word each: a value may begin with a dash, and so may a name.
    told += [f"{flag}={value}" for flag, value in (flags or {}).items() if value is not None]
    if data_dir is not None:
        told.append(f"--data-dir={data_dir}")
    elif (running := own_data_dir()) is not None:
        told.append(f"--embedded={running}")
    become("producer.operator", [*told, "--", *named] if named else told)


def own_data_dir() -> Path | None:
    """Return where the `genq up` of the profile keeps its data, if the shell means that one."""
    profile = read_profile()
    url = wanted(None)
    if url and url.rstrip("/") != profile.url.rstrip("/"):
        return None
    return Path(profile.data_dir) if profile.data_dir else default_data_dir()
