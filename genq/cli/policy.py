"""`genq policy`: what is checked and what follows, for who runs genq.

``producer.safety`` does it and judges the values; this passes them on.
"""

from pathlib import Path
from typing import Annotated

import typer

from genq.cli import options
from genq.cli.operate import DataDir, own_data_dir
from genq.cli.processes import become
from genq.cli.screen import is_quiet

File = Annotated[
    str, typer.Argument(metavar="FILE", help="A policy in YAML or JSON; - is standard input.")
]
Version = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="Its number.")]
Tenant = Annotated[
    str | None, typer.Option("--tenant", metavar="NAME", help="Whose; else the installation's.")
]
OfTenant = Annotated[str, typer.Option("--tenant", metavar="NAME", help="Whose end users.")]
Override = Annotated[
    bool, typer.Option("--override", help="It is a tenant's: judged against genq's own policy.")
]
Against = Annotated[
    Path | None,
    typer.Option(
        "--against", metavar="FILE", help="The same, against this installation's file."
    ),
]
Shown = Annotated[
    int | None,
    typer.Argument(metavar="[VERSION]", min=0, help="Print it as YAML; 0 is genq's own."),
]
Rows = Annotated[int, typer.Option("--limit", metavar="ROWS", min=1, max=1000)]
Since = Annotated[str, typer.Option("--since", metavar="SPAN", help="Such as 24h or 7d.")]
Jobs = Annotated[
    int, typer.Option("--limit", metavar="JOBS", min=1, max=100_000, help="The newest of them.")
]
Candidate = Annotated[
    str, typer.Argument(metavar="FILE|VERSION", help="What to try: a file, or a version.")
]
EndUser = Annotated[
    str, typer.Argument(metavar="END_USER", help="As jobs name it, or its pseudonym.")
]


def validate(
    file: File,
    *,
    override: Override = False,
    against: Against = None,
    tenant: Tenant = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Check a policy, without any server; every fault is told with its line.

    With --tenant it is judged as that tenant's, against what the installation's policy is now.
    Exit code 8: it may not count.
    """
    told = [file]
    if override:
        told.append("--override")
    if against is not None:
        told.append(f"--against={against}")
    _become("validate", told, tenant, as_json=as_json, data_dir=data_dir)


def show(
    version: Shown = None,
    tenant: Tenant = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what counts: every category and its thresholds; or print one version."""
    told = [] if version is None else [str(version)]
    _become("show", told, tenant, as_json=as_json, data_dir=data_dir)


def list_versions(
    limit: Rows = 50,
    tenant: Tenant = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List versions, newest first: who wrote them, who approved them, which one counts."""
    _become("ls", [f"--limit={limit}"], tenant, as_json=as_json, data_dir=data_dir)


def create(
    file: File, tenant: Tenant = None, as_json: options.AsJson = False, data_dir: DataDir = None
) -> None:
    """Store a new version; nothing goes by it until it is activated."""
    _become("create", [file], tenant, as_json=as_json, data_dir=data_dir)


def approve(
    version: Version,
    tenant: Tenant = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Approve a version as a second person; its author cannot."""
    _become("approve", [str(version)], tenant, as_json=as_json, data_dir=data_dir)


def activate(
    version: Version,
    tenant: Tenant = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Let a version count, everywhere within two seconds.

    One that changes levels or floors needs the approval of another person first (exit code 9),
    unless GENQ_SAFETY_SINGLE_OPERATOR is set.
    """
    _become("activate", [str(version)], tenant, as_json=as_json, data_dir=data_dir)


def simulate(
    candidate: Candidate,
    *,
    since: Since = "7d",
    limit: Jobs = 10_000,
    tenant: Tenant = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Try a policy on the past: how many verdicts would change, and of which jobs.

    The scores that were found then are decided on anew. Nothing is changed.
    """
    told = [f"--since={since}", f"--limit={limit}", candidate]
    _become("simulate", told, tenant, as_json=as_json, data_dir=data_dir)


def sanctions(
    tenant: OfTenant, as_json: options.AsJson = False, data_dir: DataDir = None
) -> None:
    """Show which end users were blocked so often of late that it has consequences."""
    _become("sanctions", [], tenant, as_json=as_json, data_dir=data_dir)


def lift(
    end_user: EndUser,
    tenant: OfTenant,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Let an end user's strikes count no more."""
    _become("lift", ["--", end_user], tenant, as_json=as_json, data_dir=data_dir)


def _become(
    command: str, told: list[str], tenant: str | None, *, as_json: bool, data_dir: Path | None
) -> None:
    flags = [command]
    if as_json:
        flags.append("--json")
    if is_quiet():
        flags.append("--quiet")
    if tenant is not None:
        flags.append(f"--tenant={tenant}")
    if data_dir is not None:
        flags.append(f"--data-dir={data_dir}")
    elif (running := own_data_dir()) is not None:
        flags.append(f"--embedded={running}")
    become("producer.safety", [*flags, *told])
