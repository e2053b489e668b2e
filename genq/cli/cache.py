"""`genq cache`: answers that identical jobs share."""

from typing import Annotated

import typer

from genq.cache_models import CacheState
from genq.cli import options
from genq.cli.groups import add, group
from genq.cli.screen import confirm, count_of, print_json, print_table, tell
from genq.client import Genq

Tenant = Annotated[
    str | None,
    typer.Option("--tenant", metavar="NAME", help="Whose, for operators; else the key's own."),
]


def cache_commands() -> typer.Typer:
    """Return the commands of the cache."""
    app = group("Answers that identical jobs share.", "genq cache show")
    add(app, "show", show, "genq cache show", "genq cache show --tenant acme --json")
    add(app, "clear", clear, "genq cache clear", "genq cache clear --tenant acme --yes")
    add(app, "on", switch_on, "genq cache on")
    add(app, "off", switch_off, "genq cache off")
    return app


def show(
    tenant: Tenant = None,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Show how much is kept, and how often it was used."""
    with Genq(api_key, url) as client:
        _print(client.cache.get(tenant=tenant), as_json=as_json)


def clear(
    tenant: Tenant = None,
    *,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Forget what is kept: what is asked next is asked of a model again.

    No job loses its output.
    """
    confirm("forget every answer that is kept?", yes=yes)
    with Genq(api_key, url) as client:
        gone = client.cache.clear(tenant=tenant)
    if as_json:
        print_json({"entries": gone})
    else:
        tell(f"{count_of(gone, 'answer')} forgotten")


def switch_on(
    tenant: Tenant = None,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Let new jobs use earlier answers, within seconds."""
    with Genq(api_key, url) as client:
        _print(client.cache.change(enabled=True, tenant=tenant), as_json=as_json)


def switch_off(
    tenant: Tenant = None,
    *,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Let every new job ask its model, within seconds. What is kept stays until it is old."""
    with Genq(api_key, url) as client:
        _print(client.cache.change(enabled=False, tenant=tenant), as_json=as_json)


def _print(state: CacheState, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "enabled": state.enabled,
                "entries": state.entries,
                "bytes": state.bytes,
                "hits": state.hits,
            }
        )
        return
    row = (
        "on" if state.enabled else "off",
        str(state.entries),
        str(state.bytes),
        str(state.hits),
    )
    print_table(("cache", "entries", "bytes", "hits"), [row], ("cache", "entries"))
