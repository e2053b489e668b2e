"""The command tree, and the one place where errors become messages and exit codes."""

import difflib
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, cast

import typer
from typer.main import get_command

from genq.cli import (
    audit,
    bench,
    budgets,
    cancel,
    completion,
    config,
    demo,
    doctor,
    jobs,
    key,
    keys,
    lanes,
    openapi,
    operate,
    privacy,
    processes,
    retry,
    screen,
    submit,
    tenants,
    watch,
)
from genq.cli.action_tree import add_actions
from genq.cli.batch_tree import add_batches
from genq.cli.bot_tree import bot_commands
from genq.cli.cache import cache_commands
from genq.cli.dead_letter_tree import dead_letter_commands
from genq.cli.exit_codes import ExitCode, code_of, next_step
from genq.cli.file_tree import file_commands
from genq.cli.groups import add, group, pass_on
from genq.cli.models import models
from genq.cli.privacy_tree import add_privacy
from genq.cli.route_tree import routings
from genq.cli.safety_tree import add_safety
from genq.cli.schedule_tree import schedule_commands
from genq.cli.screen import complain, print_data, tell
from genq.cli.usage_tree import add_usage
from genq.cli.webhook_tree import webhook_commands
from genq.errors import GenqError
from genq.target import package_version


def build() -> typer.Typer:
    """Return the whole command line."""
    app = group(
        "A self-hosted queue for generation jobs.",
        "genq demo",
        "genq up",
        order=("demo", "up", "submit", "jobs", "batch", "webhook", "top", "lanes", "workers"),
    )
    add(app, "demo", demo.run, "genq demo", "genq demo --output pictures")
    add(app, "up", processes.up, "genq up", "genq up --data-dir ./data --port 8080 --json")
    add(
        app,
        "submit",
        submit.submit,
        'genq submit "a red kite over the sea" -o kite.png',
        'genq submit "a red kite --ar 16:9 --n 4" --grid -o kites.png',
        'genq submit "name three winds" --kind chat --wait',
    )
    app.add_typer(_jobs(), name="jobs")
    add_actions(app)
    add_batches(app)
    add_usage(app)
    app.add_typer(schedule_commands(), name="schedules")
    app.add_typer(file_commands(), name="files")
    app.add_typer(cache_commands(), name="cache")
    app.add_typer(dead_letter_commands(), name="dead")
    app.add_typer(dead_letter_commands(), name="deadletters", hidden=True)
    app.add_typer(webhook_commands(), name="webhook")
    app.add_typer(bot_commands(), name="bot")
    _add_operations(app)
    add(app, "key", key.key, 'curl -H "Authorization: Bearer $(genq key)" …')
    _add_processes(app)
    _add_tools(app)
    return app


@cache
def command_line() -> Callable[..., Any]:
    """Return the whole command line, ready to read: a fifth of a second of CPU, once."""
    return get_command(build())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line, by default the process's own, and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    screen.behave(quiet=False, no_color=False)
    completion.prepare()
    try:
        outcome = command_line()(args=given, prog_name="genq", standalone_mode=False)
    except typer.TyperException as error:
        _explain_usage(error)
        return error.exit_code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except GenqError as error:
        complain(f"genq: {error}")
        step = next_step(error)
        if step:
            complain(f"next: {step}")
        return code_of(error)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        complain(f"genq: {place}{error.strerror or error}")
        return ExitCode.FAILED
    if outcome == ExitCode.INTERRUPTED:
        tell("stopped")
    return outcome if isinstance(outcome, int) else ExitCode.OK


def _add_processes(app: typer.Typer) -> None:
    pass_on(app, "api", processes.api, "genq api")
    pass_on(app, "dispatch", processes.dispatch, "genq dispatch")
    pass_on(
        app,
        "work",
        processes.work,
        "genq work --lanes turbo,fast --slots 200",
        "genq work health",
    )
    pass_on(app, "deliver", processes.deliver, "genq deliver")
    pass_on(app, "simulator", processes.simulator, "genq simulator")


def _add_tools(app: typer.Typer) -> None:
    app.add_typer(_database(), name="db")
    app.add_typer(_configuration(), name="config")
    app.add_typer(models(), name="models")
    add(app, "env", processes.env, 'eval "$(genq env)" && genq work --lanes batch')
    add(app, "bench", bench.bench, "genq bench", "genq bench --jobs 1000 --concurrency 32")
    add(app, "openapi", openapi.openapi, "genq openapi -o openapi.json")
    add(app, "completion", completion.completion, 'eval "$(genq completion bash)"')
    add(app, "version", _version, "genq version")


def _jobs() -> typer.Typer:
    app = group(
        "Look at jobs, follow them, cancel or retry them.", "genq jobs ls --status running"
    )
    add(
        app,
        "ls",
        jobs.list_jobs,
        "genq jobs ls --status failed --limit 5",
        "genq jobs ls --tag poster --metadata campaign=spring",
        also=("list",),
    )
    add(app, "get", jobs.get_job, "genq jobs get job_01kb… --wait -o kite.png", also=("show",))
    add(app, "watch", watch.watch, "genq jobs watch job_01kb…")
    add(
        app,
        "cancel",
        cancel.cancel,
        "genq jobs cancel job_01kb…",
        "genq jobs cancel --lane batch --metadata campaign=spring --dry-run",
    )
    add(
        app,
        "retry",
        retry.retry,
        "genq jobs retry job_01kb…",
        "genq jobs retry --error-code model_unavailable --created-after 2h --dry-run",
    )
    return app


def _tenants() -> typer.Typer:
    app = group("Share fairly among tenants, and limit them.", "genq tenant ls")
    add(app, "ls", tenants.list_tenants, "genq tenant ls", "genq tenant ls ac --json")
    add(app, "show", tenants.show, "genq tenant show acme")
    add(
        app,
        "set",
        tenants.change,
        "genq tenant set acme --weight 2000 --images-per-minute 100",
        "genq tenant set acme --images-per-minute none",
        "genq tenant set acme --create",
    )
    add(
        app,
        "budget",
        budgets.budget,
        "genq tenant budget acme",
        "genq tenant budget acme --images-per-day 100 --money-per-month 20",
        "genq tenant budget acme --end-user '*' --images-per-day 10 --on-exhausted park",
    )
    add(app, "suspend", tenants.suspend, "genq tenant suspend acme")
    add(app, "resume", tenants.resume, "genq tenant resume acme")
    add(app, "secret", tenants.secret, "genq tenant secret acme")
    return app


def _keys() -> typer.Typer:
    app = group("Make, rotate and revoke API keys.", "genq keys ls acme")
    add(app, "ls", keys.list_keys, "genq keys ls acme", also=("list",))
    add(
        app,
        "create",
        keys.create,
        "genq keys create acme --name ci --scopes jobs:read,jobs:write --expires 2592000",
    )
    add(app, "rotate", keys.rotate, "genq keys rotate key_01kb… --overlap PT12H")
    add(app, "revoke", keys.revoke, "genq keys revoke gq_Ab3dE")
    add(app, "rotate-data", privacy.rotate_data, "genq keys rotate-data --tenant acme")
    return app


def _add_operations(app: typer.Typer) -> None:
    app.add_typer(_tenants(), name="tenant")
    app.add_typer(_tenants(), name="tenants", hidden=True)
    app.add_typer(_keys(), name="keys")
    add(app, "pause", operate.pause, "genq pause lane fast", "genq pause tenant acme")
    add(app, "resume", operate.resume, "genq resume lane fast")
    add(app, "drain", operate.drain, "genq drain model gpt-image-1 --timeout 600")
    add(app, "pauses", operate.pauses, "genq pauses --json")
    add(app, "workers", operate.workers, "genq workers")
    add(app, "limits", operate.limits, "genq limits")
    app.add_typer(routings(), name="route")
    add(app, "top", lanes.top, "genq top", "genq top --once", "genq top --json --every 5")
    app.add_typer(_lanes(), name="lanes")
    app.add_typer(_audit(), name="audit")
    add_safety(app)
    add_privacy(app)
    add(app, "doctor", doctor.doctor, "genq doctor", "genq doctor --json --hours 24")


def _audit() -> typer.Typer:
    app = group("Look at who did what, and verify it.", "genq audit verify")
    add(app, "ls", audit.list_entries, "genq audit ls --tenant acme", also=("list",))
    add(app, "verify", audit.verify, "genq audit verify", "genq audit verify --json")
    return app


def _lanes() -> typer.Typer:
    app = group("Look at the lanes, and hold them back.", "genq lanes ls")
    add(app, "ls", lanes.list_lanes, "genq lanes ls", "genq lanes ls --json", also=("list",))
    add(app, "pause", lanes.pause, "genq lanes pause batch")
    add(app, "resume", lanes.resume, "genq lanes resume batch")
    add(app, "drain", lanes.drain, "genq lanes drain batch --timeout 600")
    return app


def _configuration() -> typer.Typer:
    app = group("Look at the service's settings.", "genq config check")
    add(app, "check", config.check, "genq config check", "genq config check --json")
    add(app, "show", config.show, "genq config show --diff-default")
    return app


def _database() -> typer.Typer:
    app = group("Move the database's tables.", "genq db upgrade")
    pass_on(app, "upgrade", processes.upgrade, "genq db upgrade")
    pass_on(app, "current", processes.current, "genq db current")
    pass_on(app, "check", processes.check, "genq db check")
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
    complain(f"{path}: {message}")
    complain(f"next: {path} --help")
