"""`genq tenant budget`: for who runs genq.

``producer.operator`` does it and judges the values; this passes them on.
"""

from typing import Annotated

import typer

from genq.cli import options
from genq.cli.operate import DataDir, operate
from genq.cli.tenants import Name

MoneyPerDay = Annotated[
    str | None, typer.Option("--money-per-day", metavar="DOLLARS|none", help="By model prices.")
]
MoneyPerMonth = Annotated[
    str | None,
    typer.Option("--money-per-month", metavar="DOLLARS|none", help="The same per month."),
]
ImagesPerDay = Annotated[
    str | None, typer.Option("--images-per-day", metavar="N|none", help="Images made.")
]
ImagesPerMonth = Annotated[
    str | None, typer.Option("--images-per-month", metavar="N|none", help="The same per month.")
]
TokensPerDay = Annotated[
    str | None, typer.Option("--tokens-per-day", metavar="N|none", help="Asked and answered.")
]
TokensPerMonth = Annotated[
    str | None, typer.Option("--tokens-per-month", metavar="N|none", help="The same per month.")
]
EndUser = Annotated[
    str | None,
    typer.Option(
        "--end-user",
        metavar="NAME|*",
        help="Of one end user, or with '*' of each; else of the tenant.",
    ),
]
OnExhausted = Annotated[
    str | None,
    typer.Option(
        "--on-exhausted",
        metavar="WHAT",
        help="reject; downgrade, to the slowest lane; or park, until there is room.",
    ),
]


def budget(
    name: Name,
    *,
    money_per_day: MoneyPerDay = None,
    money_per_month: MoneyPerMonth = None,
    images_per_day: ImagesPerDay = None,
    images_per_month: ImagesPerMonth = None,
    tokens_per_day: TokensPerDay = None,
    tokens_per_month: TokensPerMonth = None,
    end_user: EndUser = None,
    on_exhausted: OnExhausted = None,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what a tenant may spend and has spent, or change what it may.

    A submit holds back what it is reckoned to take; the end of the job settles it by what it
    really took, and a job that does not succeed gives all of it back. Days and months are those
    of UTC. `none` takes a budget away. What is set holds for submits a few seconds later.
    """
    flags = {
        "--money-per-day": money_per_day,
        "--money-per-month": money_per_month,
        "--images-per-day": images_per_day,
        "--images-per-month": images_per_month,
        "--tokens-per-day": tokens_per_day,
        "--tokens-per-month": tokens_per_month,
        "--end-user": end_user,
        "--on-exhausted": on_exhausted,
    }
    operate("tenant-budget", [name], flags, as_json=as_json, data_dir=data_dir)
