"""`genq tenant ls`, `show`, `set`, `suspend`, `resume`, `secret`: for who runs genq.

``producer.operator`` does it and judges the values; this passes them on.
"""

from typing import Annotated

import typer

from genq.cli import options
from genq.cli.operate import DataDir, operate

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the tenant, such as acme.")]
Prefix = Annotated[
    str | None, typer.Argument(metavar="[PREFIX]", help="Only names that begin so.")
]
Rows = Annotated[int, typer.Option("--limit", metavar="ROWS", min=1, max=1000)]
Grace = Annotated[
    int,
    typer.Option(
        "--grace", metavar="SECONDS", min=0, max=604_800, help="How long the former one signs."
    ),
]
After = Annotated[
    str | None, typer.Option("--after", metavar="NAME", help="Only names after this one.")
]
Weight = Annotated[
    str | None,
    typer.Option(
        "--weight",
        metavar="N",
        help="Share among the tenants of a lane, 1 to 1000000; 1000 is one ordinary share.",
    ),
]
MaxInflight = Annotated[
    str | None,
    typer.Option(
        "--max-inflight", metavar="N", help="Most jobs released or running at once in one lane."
    ),
]
MaxInflightTotal = Annotated[
    str | None,
    typer.Option("--max-inflight-total", metavar="N|none", help="The same over all lanes."),
]
Requests = Annotated[
    str | None,
    typer.Option(
        "--requests-per-minute", metavar="N|none", help="Jobs released per minute, each try."
    ),
]
Images = Annotated[
    str | None,
    typer.Option("--images-per-minute", metavar="N|none", help="Images that they ask for."),
]
Tokens = Annotated[
    str | None,
    typer.Option("--tokens-per-minute", metavar="N|none", help="Tokens, reckoned beforehand."),
]
Calls = Annotated[
    str | None,
    typer.Option(
        "--calls-per-minute",
        metavar="N|none",
        help="Calls of the API; none: the installation's default.",
    ),
]
PlanName = Annotated[
    str | None,
    typer.Option("--plan", metavar="NAME|none", help="What its plan is called, for people."),
]
Models = Annotated[
    str | None,
    typer.Option("--allowed-models", metavar="A,B|any", help="What its jobs may name."),
]
Kinds = Annotated[
    str | None,
    typer.Option("--allowed-kinds", metavar="A,B|any", help="Such as image,image_edit."),
]
Lanes = Annotated[
    str | None,
    typer.Option("--allowed-lanes", metavar="A,B|any", help="Of turbo, fast, relax and batch."),
]
Safety = Annotated[
    str | None,
    typer.Option("--safety-level", metavar="LEVEL", help="off, relaxed, standard or strict."),
]
Tags = Annotated[
    str | None,
    typer.Option(
        "--required-tags",
        metavar="TAGS|any",
        help="Its jobs run on model servers with all of these, and on no other.",
    ),
]
Create = Annotated[
    bool,
    typer.Option(
        "--create", help="Make the tenant if there is none, and print its first API key."
    ),
]


def list_tenants(
    prefix: Prefix = None,
    limit: Rows = 100,
    after: After = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List tenants by name, with their shares and limits."""
    flags = {"--limit": str(limit), "--after": after}
    named = [] if prefix is None else [prefix]
    operate("tenant-ls", named, flags, as_json=as_json, data_dir=data_dir)


def show(name: Name, as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """Show one tenant.

    Its plan, what is left of each limit, and per lane what waits, what is in flight, and what
    holds the rest back: full (as many in flight as it may have), rate (the plan allows no more
    just now), model (its models take no more, or are paused), paused (the tenant is).
    """
    operate("tenant-show", [name], as_json=as_json, data_dir=data_dir)


def change(
    name: Name,
    *,
    weight: Weight = None,
    max_inflight: MaxInflight = None,
    max_inflight_total: MaxInflightTotal = None,
    requests_per_minute: Requests = None,
    images_per_minute: Images = None,
    tokens_per_minute: Tokens = None,
    calls_per_minute: Calls = None,
    plan: PlanName = None,
    allowed_models: Models = None,
    allowed_kinds: Kinds = None,
    allowed_lanes: Lanes = None,
    safety_level: Safety = None,
    required_tags: Tags = None,
    create: Create = False,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Change what a tenant may use; the next release goes by it.

    What is not named stays as it is, and `none` removes a limit. A minute's allowance may come
    at once, after that it flows evenly. Lowering a limit stops nothing that is in flight. Of
    the two limits of jobs in flight the one that is reached first holds.
    """
    flags = {
        "--weight": weight,
        "--max-inflight": max_inflight,
        "--max-inflight-total": max_inflight_total,
        "--requests-per-minute": requests_per_minute,
        "--images-per-minute": images_per_minute,
        "--tokens-per-minute": tokens_per_minute,
        "--calls-per-minute": calls_per_minute,
        "--plan": plan,
        "--allowed-models": allowed_models,
        "--allowed-kinds": allowed_kinds,
        "--allowed-lanes": allowed_lanes,
        "--safety-level": safety_level,
        "--required-tags": required_tags,
    }
    switches = ["--create"] if create else []
    operate("tenant-set", [name], flags, switches, as_json=as_json, data_dir=data_dir)


def suspend(name: Name, as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """Let none of a tenant's keys work, until `genq tenant resume`.

    Jobs that were accepted go on (`genq pause tenant NAME` holds them back), and its schedules
    submit nothing meanwhile.
    """
    operate("tenant-suspend", [name], as_json=as_json, data_dir=data_dir)


def resume(name: Name, as_json: options.AsJson = False, data_dir: DataDir = None) -> None:
    """Let the keys of a suspended tenant work again."""
    operate("tenant-resume", [name], as_json=as_json, data_dir=data_dir)


def secret(
    name: Name,
    grace: Grace = 86_400,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Sign a tenant's webhooks with a new secret from now on, and print it this once.

    The former one signs beside it for --grace seconds. It is the secret for URLs that come with
    jobs; registered endpoints have their own.
    """
    flags = {"--grace": str(grace)}
    operate("tenant-secret", [name], flags, as_json=as_json, data_dir=data_dir)
