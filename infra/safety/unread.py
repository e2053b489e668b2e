"""What of a job's input nobody here can read: whoever lets it pass must know that.

Tokens and vectors, files that are no pictures, and whatever a model server fetches by itself: a
link, the name of a file. What is words besides is judged as words all the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from infra.safety.carried import is_binary, is_file, is_link, is_picture
from infra.safety.member_names import MEDIA, WORDS

# Numbers of these say what a model may write, or how: they are nothing that it reads.
_HOW: Final = frozenset(
    {
        "stop_token_ids", "allowed_token_ids", "bad_words_ids", "bad_token_ids", "logit_bias",
        "suppress_tokens", "begin_suppress_tokens", "timesteps", "sigmas", "seeds",
    }
)  # fmt: skip
_TOKENS: Final = ("token", "_ids", "embed", "latent", "prompt", "hidden_state")
_FEW: Final = 8
"""Numbers in a row that may be a size, a place or some layers."""

Place = tuple[str | int, ...]


def has_unread(parameters: Mapping[str, Any], *, pictures: bool) -> bool:
    """Tell whether an input has something that nobody here can read.

    Args:
        parameters: The input, as it was accepted.
        pictures: Whether somebody looks at pictures.
    """
    return any(True for _ in _unread(parameters, pictures=pictures))


def is_carried(place: Place, text: str) -> bool:
    """Tell whether a text of a message is the bytes of a file, and no words to anybody."""
    name = _name(place)
    if name in WORDS or not (name in MEDIA or name == "data"):
        return False
    return not is_picture(text) and is_binary(text)


def _unread(parameters: Mapping[str, Any], *, pictures: bool) -> Iterator[Place]:
    given = parameters.get("input")
    if isinstance(given, list):
        items = cast("list[object]", given)
        if not all(isinstance(item, str) for item in items):
            yield ("input",)
    messages: Sequence[Mapping[str, object]] = parameters.get("messages") or ()
    for n, message in enumerate(messages):
        for member in ("content", "tool_calls"):
            yield from _in(("messages", n, member), message.get(member), pictures=pictures)
    for name in ("images", "mask"):
        shown = parameters.get(name) or ()
        named = [shown] if isinstance(shown, str) else cast("Sequence[str]", shown)
        if named and not (pictures and all(is_picture(one) for one in named)):
            yield (name,)
    yield from _in(("extra_body",), parameters.get("extra_body"), pictures=pictures)


def _in(place: Place, value: object, *, pictures: bool) -> Iterator[Place]:
    if isinstance(value, str):
        if value and _is_unread(place, value, pictures=pictures):
            yield place
    elif isinstance(value, Mapping):
        for name, member in cast("Mapping[str, object]", value).items():
            yield from _in((*place, name), member, pictures=pictures)
    elif isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        if _are_tokens(_name(place), items):
            yield place
        else:
            for n, item in enumerate(items):
                yield from _in((*place, n), item, pictures=pictures)


def _is_unread(place: Place, text: str, *, pictures: bool) -> bool:
    name = _name(place)
    if place[0] == "messages" and name in WORDS:
        return False
    if is_picture(text):
        return not pictures
    if name.startswith("$"):
        # Of JSON Schema: a name in the form of a link, which nobody fetches.
        return False
    return name in MEDIA or is_link(text) or is_file(text)


def _are_tokens(name: str, items: Sequence[object]) -> bool:
    if name in _HOW:
        return False
    numbers = sum(
        isinstance(item, int | float) and not isinstance(item, bool) for item in items
    )
    return numbers > (0 if any(sign in name for sign in _TOKENS) else _FEW)


def _name(place: Place) -> str:
    """Return the member that a place is in, in small letters."""
    names = (step for step in reversed(place) if isinstance(step, str))
    return next(names, "").lower()
