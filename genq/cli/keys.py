"""`genq keys ls`, `create`, `rotate`, `revoke`: API keys of tenants, for who runs genq.

``producer.operator`` does it and judges the values; this passes them on.
"""

from typing import Annotated

import typer

from genq.cli import options
from genq.cli.operate import DataDir, operate

Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="Its name, such as acme.")]
Key = Annotated[
    str, typer.Argument(metavar="KEY", help="Its id, key_…, or how it begins, gq_….")
]
Rows = Annotated[int, typer.Option("--limit", metavar="ROWS", min=1, max=1000)]
After = Annotated[
    str | None, typer.Option("--after", metavar="ID", help="Only keys older than this one.")
]
KeyName = Annotated[
    str | None, typer.Option("--name", metavar="TEXT", help="What it is for, for people.")
]
Scopes = Annotated[
    str | None,
    typer.Option(
        "--scopes",
        metavar="A,B|all",
        help="Of jobs:read, jobs:write, tenant:read, tenant:write, webhooks:read, "
        "webhooks:write, safety:read, safety:write, privacy, review, review:lead, admin; else "
        "all but admin.",
    ),
]
Expires = Annotated[
    str | None,
    typer.Option(
        "--expires",
        metavar="WHEN",
        help="Seconds from now, or such as 2027-01-01T00:00Z; else never.",
    ),
]
NewExpires = Annotated[
    str | None,
    typer.Option(
        "--expires", metavar="WHEN", help="Of the new key; else it lives as long as the old."
    ),
]
Overlap = Annotated[
    str | None,
    typer.Option(
        "--overlap",
        metavar="SECONDS|ISO",
        help="How long the old key works on, such as 600 or PT12H; else a day.",
    ),
]


def list_keys(
    tenant: Tenant,
    limit: Rows = 100,
    after: After = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List the keys of a tenant, newest first: what they may do, when they were last used."""
    flags = {"--limit": str(limit), "--after": after}
    operate("key-ls", [tenant], flags, as_json=as_json, data_dir=data_dir)


def create(
    tenant: Tenant,
    *,
    name: KeyName = None,
    scopes: Scopes = None,
    expires: Expires = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key for a tenant, and print it: it is shown this once.

    A running `genq up` is reached by itself; any other installation by GENQ_DATABASE_URL,
    GENQ_BROKER_URL and the GENQ_KEY_PEPPER of its API.
    """
    flags = {"--name": name, "--scopes": scopes, "--expires": expires}
    operate("key-create", [tenant], flags, as_json=as_json, data_dir=data_dir)


def rotate(
    key: Key,
    *,
    overlap: Overlap = None,
    expires: NewExpires = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key in place of another, and print it; both work until the overlap ends."""
    flags = {"--overlap": overlap, "--expires": expires}
    operate("key-rotate", [key], flags, as_json=as_json, data_dir=data_dir)


def revoke(key: Key, as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """End a key now; what it has submitted goes on."""
    operate("key-revoke", [key], as_json=as_json, data_dir=data_dir)
