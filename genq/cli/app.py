"""The command tree, and the one place where errors become messages and exit codes."""

import difflib
import sys
from collections.abc import Callable, Sequence
from typing import cast

import typer

from genq.cli import (
    cancel,
    dead_letters,
    demo,
    doctor,
    jobs,
    key,
    operate,
    processes,
    schedules,
    submit,
    tenants,
    webhook,
)
from genq.cli.examples import command_with, group_with
from genq.cli.exit_codes import ExitCode, code_of, next_step
from genq.cli.screen import print_data, tell
from genq.errors import GenqError
from genq.target import package_version

_SETTINGS = {"help_option_names": ["-h", "--help"]}


def build() -> typer.Typer:
    """Return the whole command line."""
    app = _group(
        "A self-hosted queue for generation jobs.",
        "genq demo",
        "genq up",
        order=("demo", "up", "submit", "jobs", "webhook"),
    )
    _add(app, "demo", demo.run, "genq demo", "genq demo --output pictures")
    _add(app, "up", processes.up, "genq up", "genq up --data-dir ./data --port 8080 --json")
    _add(
        app,
        "submit",
        submit.submit,
        'genq submit "a red kite over the sea" -o kite.png',
        'genq submit "name three winds" --kind chat --wait',
    )
    app.add_typer(_jobs(), name="jobs")
    app.add_typer(_schedules(), name="schedules")
    app.add_typer(_dead_letters(), name="dead")
    app.add_typer(_webhook(), name="webhook")
    app.add_typer(_tenants(), name="tenant")
    _add_operations(app)
    _add(app, "key", key.key, 'curl -H "Authorization: Bearer $(genq key)" …')
    _pass_on(app, "api", processes.api, "genq api")
    _pass_on(app, "dispatch", processes.dispatch, "genq dispatch")
    _pass_on(app, "work", processes.work, "genq work --lanes turbo,fast --slots 200")
    _pass_on(app, "deliver", processes.deliver, "genq deliver")
    _pass_on(app, "simulator", processes.simulator, "genq simulator")
    app.add_typer(_database(), name="db")
    _add(app, "env", processes.env, 'eval "$(genq env)" && genq work --lanes batch')
    _add(app, "version", _version, "genq version")
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line, by default the process's own, and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        outcome = build()(args=given, prog_name="genq", standalone_mode=False)
    except typer.TyperException as error:
        _explain_usage(error)
        return error.exit_code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except GenqError as error:
        tell(f"genq: {error}")
        step = next_step(error)
        if step:
            tell(f"next: {step}")
        return code_of(error)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        tell(f"genq: {place}{error.strerror or error}")
        return ExitCode.FAILED
    if outcome == ExitCode.INTERRUPTED:
        tell("stopped")
    return outcome if isinstance(outcome, int) else ExitCode.OK


def _group(purpose: str, *examples: str, order: Sequence[str] = ()) -> typer.Typer:
    app = typer.Typer(
        cls=group_with(*examples, order=order),
        help=purpose,
        add_completion=False,
        context_settings=_SETTINGS,
        pretty_exceptions_enable=False,
        # Plain help: a terminal, a pipe and a screen reader show the same, at once.
        rich_markup_mode=None,
        invoke_without_command=True,
    )

    @app.callback()
    def show_help(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            print_data(context.get_help())

    show_help.__doc__ = purpose
    return app


def _add(app: typer.Typer, name: str, command: Callable[..., None], *examples: str) -> None:
    app.command(name, cls=command_with(*examples))(command)


def _pass_on(app: typer.Typer, name: str, command: Callable[..., None], example: str) -> None:
    register = app.command(
        name, cls=command_with(example), context_settings={**_SETTINGS, **processes.PASS_ON}
    )
    register(command)


def _jobs() -> typer.Typer:
    app = _group("Look at jobs, and cancel them.", "genq jobs list --status running")
    _add(app, "list", jobs.list_jobs, "genq jobs list --status failed --limit 5")
    _add(app, "get", jobs.get_job, "genq jobs get job_01kb… --wait -o kite.png")
    _add(
        app,
        "cancel",
        cancel.cancel,
        "genq jobs cancel job_01kb…",
        "genq jobs cancel --lane batch --metadata campaign=spring --dry-run",
    )
    return app


def _schedules() -> typer.Typer:
    app = _group("Submit jobs again and again.", "genq schedules list")
    _add(
        app,
        "create",
        schedules.create,
        'genq schedules create nightly "30 2 * * *" "a red kite" --timezone Europe/Berlin',
        "genq schedules create report @hourly --file job.json",
    )
    _add(app, "list", schedules.list_schedules, "genq schedules list --json")
    _add(app, "get", schedules.show, "genq schedules get sched_01kb…")
    _add(app, "update", schedules.update, "genq schedules update sched_01kb… --cron @daily")
    _add(app, "pause", schedules.pause, "genq schedules pause sched_01kb…")
    _add(app, "resume", schedules.resume, "genq schedules resume sched_01kb…")
    _add(app, "trigger", schedules.trigger, "genq schedules trigger sched_01kb…")
    _add(app, "delete", schedules.delete, "genq schedules delete sched_01kb…")
    return app


def _dead_letters() -> typer.Typer:
    app = _group("Send failed jobs again.", "genq dead groups")
    _add(app, "ls", dead_letters.list_dead, "genq dead ls --code model_unavailable --since 2h")
    _add(app, "groups", dead_letters.groups, "genq dead groups --since 7d")
    _add(app, "show", dead_letters.show, "genq dead show job_01kb…")
    _add(
        app,
        "redrive",
        dead_letters.redrive,
        "genq dead redrive job_01kb…",
        "genq dead redrive --code model_unavailable --to-lane batch --dry-run",
    )
    return app


def _tenants() -> typer.Typer:
    app = _group("Share fairly among tenants, and limit them.", "genq tenant ls")
    _add(app, "ls", tenants.list_tenants, "genq tenant ls", "genq tenant ls ac --json")
    _add(app, "show", tenants.show, "genq tenant show acme")
    _add(
        app,
        "set",
        tenants.change,
        "genq tenant set acme --weight 2000 --images-per-minute 100",
        "genq tenant set acme --images-per-minute none",
    )
    return app


def _add_operations(app: typer.Typer) -> None:
    _add(app, "pause", operate.pause, "genq pause lane fast", "genq pause tenant acme")
    _add(app, "resume", operate.resume, "genq resume lane fast")
    _add(app, "drain", operate.drain, "genq drain model gpt-image-1 --timeout 600")
    _add(app, "pauses", operate.pauses, "genq pauses --json")
    _add(app, "workers", operate.workers, "genq workers")
    _add(app, "limits", operate.limits, "genq limits")
    _add(app, "doctor", doctor.doctor, "genq doctor", "genq doctor --json --hours 24")


def _webhook() -> typer.Typer:
    app = _group("Receive webhooks.", "genq webhook listen")
    _add(app, "listen", webhook.listen, "genq webhook listen --port 8989 --count 1")
    return app


def _database() -> typer.Typer:
    app = _group("Move the database's tables.", "genq db upgrade")
    _pass_on(app, "upgrade", processes.upgrade, "genq db upgrade")
    _pass_on(app, "current", processes.current, "genq db current")
    _pass_on(app, "check", processes.check, "genq db check")
    return app


def _version() -> None:
    """Print the version of genq and of Python."""
    print_data(f"genq {package_version()} (Python {sys.version.split()[0]})")


def _explain_usage(error: typer.TyperException) -> None:
    message = error.format_message()
    wrong: object = getattr(error, "option_name", None)
    known: object = getattr(error, "possibilities", None)
    if isinstance(wrong, str) and isinstance(known, Sequence) and known:
        names = [str(name) for name in cast("Sequence[object]", known)]
        close = difflib.get_close_matches(wrong, names, n=1)
        message = f"No such option: {wrong}; did you mean {close[0] if close else names[0]}?"
    path: object = getattr(getattr(error, "ctx", None), "command_path", "genq")
    tell(f"{path}: {message}")
    tell(f"next: {path} --help")
