"""The input of a job that the command line was given one text for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import typer

from genq.cli.examples import one_of
from genq.models import KINDS
from genq.pictures import lies_elsewhere

_FLAGS: Final = {
    "n": "-n",
    "size": "--size",
    "seed": "--seed",
    "images": "--image",
    "voice": "--voice",
}
_KNOWN: Final[Mapping[str, Sequence[str]]] = {
    "image": ("n", "size", "seed"),
    "image_edit": ("n", "size", "seed", "images"),
    "chat": ("n", "seed", "images"),
    "completion": ("n", "seed"),
    "embedding": (),
    "speech": ("voice", "response_format"),
}
# One that every server of OpenAI's API has.
_VOICE: Final = "alloy"
# What they begin with says what they are (PNG, JPEG, and WebP behind a length).
_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")


def kind_input(
    kind: str, text: str, given: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Return the input of a job of ``kind`` that asks for ``text``.

    Args:
        kind: One of ``KINDS``, as it was typed.
        text: What to make, go on from, answer, embed or speak.
        given: Parameters beside it.

    Raises:
        typer.BadParameter: No such kind, one that a text alone does not make, or a parameter
            that the kind does not have.
    """
    one_of(kind, KINDS, "--kind")
    more = dict(given or {})
    wrong = [name for name in more if name not in _KNOWN[kind]]
    if wrong:
        whose = " and ".join(known for known in KINDS if wrong[0] in _KNOWN[known])
        raise typer.BadParameter(
            f"only {whose} jobs have it; drop it, or change --kind.",
            param_hint=_FLAGS.get(wrong[0], wrong[0]),
        )
    match kind:
        case "chat":
            return {"messages": [{"role": "user", "content": text}], **more}
        case "embedding":
            return {"input": text}
        case "speech":
            return {"input": text, "voice": _VOICE, **more}
        case "image_edit" if not more.get("images"):
            raise typer.BadParameter(
                "name a picture to edit with --image.", param_hint="--kind"
            )
        case _:
            return {"prompt": text, **more}


def read_pictures(
    named: Sequence[str] | None, flag: str = "--image"
) -> list[str | Path] | None:
    """Return what ``--image`` named: files by their paths, ids and URLs as they are.

    Raises:
        typer.BadParameter: A file cannot be read, or is no picture.
    """
    if not named:
        return None
    return [one if lies_elsewhere(one) else _looked_at(one, flag) for one in named]


def _looked_at(name: str, flag: str) -> Path:
    path = Path(name)
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise typer.BadParameter(
            f"{name} cannot be read: {error.strerror}.", param_hint=flag
        ) from None
    if not head.startswith(_PICTURES):
        raise typer.BadParameter(f"{name} is no PNG, JPEG or WebP file.", param_hint=flag)
    return path
