"""The input of a job that the command line was given one text for."""

from collections.abc import Mapping

import typer

from genq.cli.examples import one_of
from genq.models import KINDS


def kind_input(
    kind: str, text: str, given: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Return the input of a job of ``kind`` that asks for ``text``.

    Args:
        kind: One of ``KINDS``, as it was typed.
        text: What to make, go on from, answer or embed.
        given: Parameters beside it.

    Raises:
        typer.BadParameter: No such kind, or one that a text alone does not make.
    """
    one_of(kind, KINDS, "--kind")
    match kind:
        case "chat":
            asked: dict[str, object] = {"messages": [{"role": "user", "content": text}]}
        case "embedding":
            asked = {"input": text}
        case "image_edit" if not (given or {}).get("images"):
            raise typer.BadParameter(
                "name the pictures to edit with --image.", param_hint="--kind"
            )
        case _:
            asked = {"prompt": text}
    return {**asked, **(given or {})}
