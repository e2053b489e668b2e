"""What a described call sends: its templates, filled with what a job asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import quote

import aiohttp
import orjson

from schemas.claim import Claim
from schemas.errors import InputError
from schemas.generation import refuse_repeated
from schemas.http_call import END_USER, EXTRA, JOB, MODEL, HttpCall
from schemas.ids import format_id
from schemas.placeholders import Place, template_of
from worker.providers.picture import given_picture

_MISSING: Final = object()
_AUTO: Final = "auto"
_BASE64: Final = "base64"
_PICTURES: Final = frozenset({"images", "mask"})
# What it says is genq's affair alone.
_LEFT_OUT: Final = frozenset({"moderation"})
_MEMBERS_OF_SIZE: Final = frozenset({"width", "height"})

Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Carried:
    """What the templates of a call have room for.

    Attributes:
        parameters: The names of parameters.
        extras: The members of ``extra_body``; ``None``: all.
        images: How many pictures; ``None``: any number.
    """

    parameters: frozenset[str]
    extras: frozenset[str] | None
    images: int | None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A call as it is sent.

    Attributes:
        path: Below the server's ``base_url``, percent-encoded.
        body: As aiohttp takes it; ``None``: none.
        content_type: Of a body whose type aiohttp does not know itself.
    """

    path: str
    body: Any = field(repr=False)
    content_type: str | None


def carried_by(call: HttpCall) -> Carried:
    """Return what the templates of ``call`` name."""
    places = list(call.places())
    names = {place.name for place in places}
    if names & _MEMBERS_OF_SIZE:
        names.add("size")
    extras = _heads(places, EXTRA)
    indices = _heads(places, "images")
    numbers = [index for index in indices if isinstance(index, int)]
    every = len(numbers) < len(indices) or any(number < 0 for number in numbers)
    return Carried(
        frozenset(names | set(call.unused)),
        None if None in extras else frozenset(str(name) for name in extras),
        None if every else max(numbers, default=-1) + 1,
    )


def _heads(places: Sequence[Place], name: str) -> list[str | int | None]:
    """Return the first step of each place of a parameter; ``None``: the whole of it."""
    return [place.steps[0] if place.steps else None for place in places if place.name == name]


def request_of(claim: Claim, call: HttpCall, carried: Carried) -> HttpRequest:
    """Return the call of one attempt.

    Raises:
        InputError: The job asks for what the templates do not name, lacks what the path needs,
            or holds a number that does not fit into 64 bits.
    """
    scope = scope_of(claim)
    _refuse_uncarried(claim, carried)
    path = filled_path(call.path, scope)
    if call.form is not None:
        return HttpRequest(path, _form(call.form, scope), None)
    if call.body is None:
        return HttpRequest(path, None, None)
    body = _filled(call.body, scope)
    return HttpRequest(path, _json(None if body is _MISSING else body), "application/json")


def scope_of(claim: Claim) -> dict[str, Any]:
    """Return what placeholders mean for one attempt; what is not given is not there."""
    scope: dict[str, Any] = {k: v for k, v in claim.input.items() if v is not None}
    if claim.kind.pictures:
        scope.setdefault("n", 1)
    size = scope.get("size")
    if size == _AUTO:
        # It leaves it to the model.
        del scope["size"]
    elif isinstance(size, str):
        width, _, height = size.partition("x")
        scope |= {"width": int(width), "height": int(height)}
    scope |= {MODEL: claim.model, JOB: format_id("job", claim.job_id)}
    return scope | ({END_USER: claim.end_user} if claim.end_user is not None else {})


def filled_path(text: str, scope: Scope) -> str:
    """Return a path whose placeholders are filled, percent-encoded.

    Raises:
        InputError: What it needs is not given, would name another place, or is a number that
            does not fit into 64 bits.
    """
    pieces: list[str] = []
    for piece in template_of(text):
        if isinstance(piece, str):
            pieces.append(quote(piece, safe="/?&=:@!$'()*+,;%~"))
            continue
        value = _value_at(piece, scope)
        if value is _MISSING or not str(value).strip("."):
            raise InputError(f"/input: this model needs {piece.name}, more of it than dots")
        pieces.append(quote(_as_text(value), safe=""))
    return "".join(pieces)


def filled_text(text: str, scope: Scope) -> str:
    """Return a text whose placeholders are filled; what is not given leaves nothing.

    Raises:
        InputError: It would hold a number that does not fit into 64 bits.
    """
    pieces = template_of(text)
    return "".join(
        piece if isinstance(piece, str) else _as_text(_value_at(piece, scope))
        for piece in pieces
    )


def _filled(value: Any, scope: Scope) -> Any:
    if isinstance(value, str):
        pieces = template_of(value)
        if len(pieces) == 1 and isinstance(pieces[0], Place):
            return _value_at(pieces[0], scope)
        return filled_text(value, scope)
    if isinstance(value, list):
        items = [_filled(item, scope) for item in cast("list[object]", value)]
        return [item for item in items if item is not _MISSING]
    if isinstance(value, dict):
        members = cast("dict[str, object]", value).items()
        filled = {name: _filled(inner, scope) for name, inner in members}
        return {name: inner for name, inner in filled.items() if inner is not _MISSING}
    return value


def _value_at(place: Place, scope: Scope) -> Any:
    value: Any = scope.get(place.name, _MISSING)
    for step in place.steps:
        if step == _BASE64 and place.name in _PICTURES:
            value = _bare(value)
        elif isinstance(step, int) and isinstance(value, list):
            items = cast("list[object]", value)
            value = items[step] if -len(items) <= step < len(items) else _MISSING
        elif isinstance(step, str) and isinstance(value, dict):
            value = cast("dict[str, object]", value).get(step, _MISSING)
        else:
            return _MISSING
    return value


def _bare(value: Any) -> Any:
    """Return the base64 of pictures without what stands before it in a data URL."""
    if isinstance(value, list):
        return [_bare(item) for item in cast("list[object]", value)]
    return value.partition(",")[2] if isinstance(value, str) else _MISSING


def _as_text(value: Any) -> str:
    if value is _MISSING:
        return ""
    return value if isinstance(value, str) else _json(value).decode()


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise InputError(
            "input holds a number that does not fit into 64 bits; write it as a string"
        ) from None


def _form(form: Mapping[str, str], scope: Scope) -> aiohttp.FormData:
    sent = aiohttp.FormData(default_to_multipart=True)
    for name, text in form.items():
        pieces = template_of(text)
        place = pieces[0] if len(pieces) == 1 and isinstance(pieces[0], Place) else None
        value = _filled(text, scope)
        if value is _MISSING:
            continue
        if place is None or place.name not in _PICTURES or _BASE64 in place.steps:
            sent.add_field(name, _as_text(value))
            continue
        pictures = cast("list[str]", value) if isinstance(value, list) else [str(value)]
        for number, picture in enumerate(pictures):
            known = given_picture(picture, place.name)
            filename = f"{place.name}-{number}.{known.content_type.partition('/')[2]}"
            sent.add_field(name, known.data, filename=filename, content_type=known.content_type)
    return sent


def _refuse_uncarried(claim: Claim, carried: Carried) -> None:
    given = dict(claim.input)
    extra: Mapping[str, Any] = given.pop(EXTRA, None) or {}
    refuse_repeated(extra, claim.kind)
    if given.get("n") == 1:
        del given["n"]
    for name, value in given.items():
        if value is None or value == _AUTO or name in _LEFT_OUT | carried.parameters:
            continue
        raise InputError(
            f"/input/{name}: {claim.model} cannot be given {name}; leave it out, or choose "
            "another model"
        )
    if carried.extras is not None and (more := sorted(set(extra) - carried.extras)):
        raise InputError(
            f"/input/extra_body: {claim.model} knows no {more[0][:64]}; leave it out"
        )
    if carried.images is not None and len(given.get("images") or ()) > carried.images:
        raise InputError(
            f"/input/images: {claim.model} takes {carried.images}; send fewer pictures, or "
            "choose another model"
        )
